"""The share of a gap that is closed: Fieller's set with the variance of contrasts."""

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics.contrast import Contrast, gain, level
from benchmark.statistics.design import Layout
from benchmark.statistics.fieller import NO_GAP, ONE_TASK, share_of
from tests.scoring.synthetic import base_of, entry_of, layout_of

LAYOUT = layout_of(20, 20, families=("classification", "dialogue"))


def study(
    rng: np.random.Generator, gained: float, gap: float, draws: int = 10, treated: int = 5
) -> tuple[Contrast, Contrast]:
    """A gain on some draws and the gap of two rungs, with draws, documents and both together as noise."""
    documents = 0.2 * rng.normal(size=LAYOUT.size)
    base, rung = (
        0.03 * rng.normal(size=(draws, 1)) + documents + 0.1 * rng.normal(size=(draws, LAYOUT.size))
        for _ in range(2)
    )
    moved = gained + 0.02 * rng.normal(size=(treated, 1)) + 0.05 * rng.normal(size=LAYOUT.size)
    values = base[:treated] + moved + 0.05 * rng.normal(size=(treated, LAYOUT.size))
    return gain(entry_of("m", values, base[:treated])), level(base_of("l", rung + gap)) - level(
        base_of("m", base)
    )


@pytest.mark.parametrize("gained", [0.05, -0.03, 0.0, 0.3])
def test_the_ends_are_where_the_interval_of_the_contrast_touches_zero(gained: float) -> None:
    gains, gap = study(np.random.default_rng(0), gained, 0.25)
    share = share_of(gains, gap, LAYOUT)
    for place in range(3):
        ends = (share.low[place], share.high[place])
        assert ends[0] < share.value[place] < ends[1]
        for end, bound in zip(ends, (1, 0), strict=True):
            found = (gains - float(end) * gap).estimated(LAYOUT).estimate
            # At the low end the contrast lies above 0, at the high end below it.
            touching = found.interval()[1 - bound][place] if bound == 0 else found.interval()[0][place]
            assert touching == pytest.approx(0, abs=2e-6)
            assert found.p_two_sided()[place] == pytest.approx(0.05, abs=1e-3)


def test_the_share_is_gain_over_gap() -> None:
    gains, gap = study(np.random.default_rng(1), 0.05, 0.25)
    found = share_of(gains, gap, LAYOUT)
    expected = gains.estimated(LAYOUT).estimate.value / gap.estimated(LAYOUT).estimate.value
    assert found.value[:3] == pytest.approx(expected[:3])
    assert np.isnan(found.value[3:]).all()
    assert found.at(3)["share_closed_note"] == ONE_TASK and found.at(0)["share_closed_note"] == ""


def test_with_documents_alone_it_is_fieller_s_formula() -> None:
    rng = np.random.default_rng(2)
    layout, size = layout_of(60), 60
    base, moved, gap = rng.normal(size=size), 0.2 + rng.normal(size=size) / 4, 1 + rng.normal(size=size) / 2
    gains = gain(entry_of("m", base + moved, base, by="text"))
    found = share_of(gains, level(base_of("l", base + gap)) - level(base_of("m", base)), layout)
    a, b = moved.mean(), gap.mean()
    (va, c), (_, vb) = np.cov(moved, gap) / size
    t = stats.t.isf(0.025, size - 1) ** 2
    roots = np.sort(np.roots([b**2 - t * vb, -2 * (a * b - t * c), a**2 - t * va]))
    assert [found.low[0], found.high[0]] == pytest.approx(roots, abs=1e-5)


def test_it_holds_the_true_share_in_nineteen_of_twenty_studies() -> None:
    rng, held, sets = np.random.default_rng(3), 0, 150
    for _ in range(sets):
        found = share_of(*study(rng, 0.06, 0.3), LAYOUT)
        held += bool(found.low[0] <= 0.2 <= found.high[0])
    assert 0.95 - 3 * (0.95 * 0.05 / sets) ** 0.5 <= held / sets <= 0.995


def test_without_an_open_gap_there_is_no_share_and_a_note() -> None:
    for gap in (0.0, -0.25):
        found = share_of(*study(np.random.default_rng(4), 0.05, gap), LAYOUT)
        row = found.at(0)
        assert np.isnan([row["share_closed"], row["share_closed_low"], row["share_closed_high"]]).all()
        assert row["share_closed_note"] == NO_GAP


def test_gain_and_gap_are_taken_on_the_documents_of_both() -> None:
    """The base models have more documents than the runs; there the gap is another one."""
    rng = np.random.default_rng(5)
    layout: Layout = layout_of(60)
    base = base_of("m", rng.normal(size=(4, 60)) / 4)
    rung = base_of("l", base.values + np.where(np.arange(60) < 30, 0.5, 5.0) + rng.normal(size=(4, 60)) / 20)
    start = base.values[:3]
    entry = entry_of("m", start + 0.25 + rng.normal(size=start.shape) / 50, start).on_columns(np.arange(30))
    found = share_of(gain(entry), level(rung) - level(base), layout)
    assert found.value[0] == pytest.approx(0.5, abs=0.03)
    assert found.low[0] < found.value[0] < found.high[0]
