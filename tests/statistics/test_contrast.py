"""Contrasts against formulas by hand: what pairs, what cancels, which parts a variance has."""

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics.contrast import Contrast, gain, level, mean, on_shared_documents, score
from benchmark.statistics.crossed import Estimate, VariancePart, combined, crossed
from benchmark.statistics.design import Floats
from tests.scoring.synthetic import base_of, entry_of, layout_of

DOCUMENTS = 30
LAYOUT = layout_of(DOCUMENTS)


def estimate(contrast: Contrast) -> Estimate:
    return contrast.estimated(LAYOUT).estimate


def two_way(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Of values [units, documents]: variances of the mean between documents and units, and their interaction's."""
    units, documents = values.shape
    by_unit, by_document = values.mean(axis=1), values.mean(axis=0)
    rest = values - by_unit[:, None] - by_document + values.mean()
    interaction = (rest**2).sum() / (units - 1) / (documents - 1) / units / documents
    return by_document.var(ddof=1) / documents, by_unit.var(ddof=1) / units, interaction


def draws(seed: int, number: int, mean: float = 0.0, sd: float = 1.0) -> Floats:
    rng = np.random.default_rng(seed)
    return (
        mean
        + sd * rng.normal(size=(number, 1))
        + rng.normal(size=DOCUMENTS)
        + rng.normal(size=(number, DOCUMENTS))
    )


BASE, RUNG = base_of("m", draws(1, 10)), base_of("l", draws(2, 7, mean=2.0))
GAINS = draws(3, 3, mean=0.5)
ENTRY = entry_of("m", BASE.values[:3] + GAINS, BASE.values[:3])


def test_a_gain_is_paired_by_draw_and_document() -> None:
    found = estimate(gain(ENTRY))
    documents, units, interaction = two_way(GAINS)
    assert found.value[0] == pytest.approx(GAINS.mean())
    assert [part.variance[0] for part in found.parts] == pytest.approx([documents - interaction, units])
    assert found.parts[1].df[0] == 2


def test_a_level_is_a_mean_over_all_draws() -> None:
    found = estimate(level(BASE))
    documents, units, interaction = two_way(BASE.values)
    assert found.value[0] == pytest.approx(BASE.values.mean())
    assert found.variance[0] == pytest.approx(documents - interaction + units)
    assert found.parts[1].df[0] == 9


def test_the_distance_from_a_larger_rung_has_four_parts() -> None:
    """Documents of the sum of means, the gain's draws (3), the base model's (10) and the rung's (7)."""
    found = (score(ENTRY, BASE) - level(RUNG)).estimated(LAYOUT)
    samples = GAINS, BASE.values, RUNG.values
    by_document = GAINS.mean(axis=0) + BASE.values.mean(axis=0) - RUNG.values.mean(axis=0)
    interaction = sum(two_way(values)[2] for values in samples)
    expected = [
        by_document.var(ddof=1) / DOCUMENTS - interaction,
        *(two_way(values)[1] for values in samples),
    ]
    assert found.estimate.value[0] == pytest.approx(by_document.mean())
    assert [part.variance[0] for part in found.estimate.parts] == pytest.approx(expected)
    assert [part.df[0] for part in found.estimate.parts] == [29, 2, 9, 6]
    assert found.estimate.trust == 0 and found.units == 3 and found.conditional == ""
    whole = combined(
        found.estimate.value,
        VariancePart(np.array([by_document.var(ddof=1) / DOCUMENTS]), np.array([29.0])),
        [VariancePart(np.array([two_way(v)[1]]), np.array([len(v) - 1.0])) for v in samples],
        np.array([interaction]),
        3,
    )
    assert found.estimate.interval()[0][0] == pytest.approx(whole.interval()[0][0])


def test_noninferiority_has_half_of_each_level() -> None:
    found = estimate(gain(ENTRY) - 0.5 * (level(RUNG) - level(BASE)))
    expected = [two_way(GAINS)[1], two_way(RUNG.values)[1] / 4, two_way(BASE.values)[1] / 4]
    assert sorted(part.variance[0] for part in found.parts[1:]) == pytest.approx(sorted(expected))


def test_levels_that_cancel_leave_nothing_behind() -> None:
    """1 - 0.9 - 0.1 is not exactly 0: what is left of a level still counts as none."""
    contrast = gain(ENTRY) + level(BASE) - 0.9 * level(BASE) - 0.1 * level(BASE)
    found, alone = contrast.estimated(LAYOUT), gain(ENTRY).estimated(LAYOUT)
    assert len(found.estimate.parts) == len(alone.estimate.parts) == 2
    assert found.estimate.value[0] == alone.estimate.value[0]
    assert found.estimate.variance[0] == alone.estimate.variance[0]


def test_a_base_model_of_few_draws_that_cancels_is_not_taken_as_given() -> None:
    few = base_of("m", BASE.values[:2])
    assert (score(ENTRY, few) - level(few)).estimated(LAYOUT).conditional == ""
    assert score(ENTRY, few).estimated(LAYOUT).conditional == "draws"


def test_gains_of_one_base_model_pair_by_draw_whatever_their_order() -> None:
    other = draws(4, 3)
    control = entry_of("m", BASE.values[:3] + other, BASE.values[:3], arm="random")
    turned = entry_of("m", control.values[::-1], control.start[::-1], control.units[::-1], arm="random")
    documents, units, interaction = two_way(GAINS - other)
    for second in (control, turned):
        found = estimate(gain(ENTRY) - gain(second))
        assert found.variance[0] == pytest.approx(documents - interaction + units)
        assert len(found.parts) == 2


@pytest.mark.parametrize("common", [0, 2, 3, 5])
def test_three_shared_draws_pair_and_fewer_are_other_samples(common: int) -> None:
    mine, theirs = draws(5, 5), draws(6, 5)
    names = [f"draw {place:03d}" for place in range(10)]
    first = entry_of("m", mine, 0.0, names[:5])
    second = entry_of("m", theirs, 0.0, names[5 - common : 10 - common], arm="random")
    found = estimate(gain(first) - gain(second))
    if common >= 3:
        documents, units, interaction = two_way(mine[5 - common :] - theirs[:common])
        parts = [documents - interaction, units]
    else:
        by_document = mine.mean(axis=0) - theirs.mean(axis=0)
        interaction = two_way(mine)[2] + two_way(theirs)[2]
        parts = [by_document.var(ddof=1) / DOCUMENTS - interaction, two_way(mine)[1], two_way(theirs)[1]]
    assert [part.variance[0] for part in found.parts] == pytest.approx(parts)


def test_draws_of_two_models_are_independent_and_texts_of_one_corpus_are_the_same() -> None:
    """Two models that each text moves alike: the mean over both is no surer than one of them."""
    by_unit = np.random.default_rng(7).normal(size=(4, 1)) * np.ones((4, DOCUMENTS))
    one = stats.sem(by_unit[:, 0]) ** 2
    for by, expected in (("draw", one / 2), ("text", one)):
        entries = [entry_of(model, by_unit, 0.0, by=by) for model in ("m", "l")]
        assert estimate(mean([gain(entry) for entry in entries])).variance[0] == pytest.approx(expected)
    elsewhere = [entry_of("m", by_unit, 0.0, by="text", corpus=corpus) for corpus in ("code", "web")]
    assert estimate(mean([gain(entry) for entry in elsewhere])).variance[0] == pytest.approx(one / 2)


def test_what_pairs_among_many_still_pairs_when_one_does_not() -> None:
    names = [f"draw {place:03d}" for place in range(10)]
    values = draws(8, 5)
    alike = [entry_of("m", values, 0.0, names[:5], corpus=corpus) for corpus in ("code", "web")]
    apart = entry_of("m", draws(9, 5), 0.0, names[5:], corpus="seen")
    found = estimate(gain(alike[0]) + gain(apart) + gain(alike[1]))
    assert [part.variance[0] for part in found.parts[1:]] == pytest.approx(
        [4 * two_way(values)[1], two_way(apart.values)[1]]
    )


@pytest.mark.parametrize(("units", "conditional"), [(1, "texts and draws"), (2, "texts and draws"), (3, "")])
def test_fewer_than_three_draws_are_taken_as_given(units: int, conditional: str) -> None:
    entry = entry_of("m", BASE.values[:units] + draws(3, units), BASE.values[:units])
    found = gain(entry).estimated(LAYOUT)
    assert (found.conditional, found.units) == (conditional, units)
    if units < 3:
        by_document = entry.values.mean(axis=0) - entry.start.mean(axis=0)
        expected = stats.ttest_1samp(by_document, 0)
        assert found.estimate.p_two_sided()[0] == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("draws_of_base", "conditional"), [(1, "draws"), (2, "draws"), (10, "")])
def test_a_level_of_few_draws_is_conditional_and_texts_on_one_draw_are(
    draws_of_base: int, conditional: str
) -> None:
    base = base_of("m", BASE.values[:draws_of_base])
    assert (score(ENTRY, base) - level(RUNG)).estimated(LAYOUT).conditional == conditional
    texts = entry_of("m", BASE.values[:1] + GAINS, BASE.values[0], by="text")
    assert gain(texts).estimated(LAYOUT).conditional == "draws"


def test_texts_on_one_draw_give_the_figures_of_the_crossed_variance() -> None:
    """A track with one draw: treated minus larger rung is what `crossed` gives for texts and a fixed score."""
    base, rung = base_of("m", BASE.values[:1]), base_of("l", RUNG.values[:1])
    texts = entry_of("m", BASE.values[:1] + draws(3, 5), BASE.values[0], by="text")
    found = estimate(score(texts, base) - level(rung))
    expected = crossed([texts.values], -rung.values[0], LAYOUT)
    for ours, theirs in zip(found.interval(), expected.interval(), strict=True):
        assert ours == pytest.approx(theirs)
    assert found.p_two_sided() == pytest.approx(expected.p_two_sided())


def test_only_shared_documents_count() -> None:
    few = ENTRY.on_columns(np.arange(0, DOCUMENTS, 2))
    rung = RUNG.on_columns(np.arange(0, 20))
    found = (score(few, BASE) - level(rung)).estimated(LAYOUT)
    kept = np.arange(0, 20, 2)
    expected = GAINS[:, kept].mean() + BASE.values[:, kept].mean() - RUNG.values[:, kept].mean()
    assert found.layout.size == 10
    assert found.estimate.value[0] == pytest.approx(expected)
    gains, gap = on_shared_documents(gain(few), level(rung) - level(BASE))
    assert gains.estimated(LAYOUT).layout.size == gap.estimated(LAYOUT).layout.size == 10


def test_many_weights_at_once_are_as_one_at_a_time() -> None:
    """The own base model stands in the gain, among the levels and among those that are added."""
    rungs, weights = [BASE, RUNG], np.array([[-1.0, 0.0], [-0.5, -0.5], [0.0, -1.0], [0.25, -0.75]])
    together = score(ENTRY, BASE).with_levels(rungs, weights, LAYOUT).estimate
    for place, (own, other) in enumerate(weights):
        one = estimate(score(ENTRY, BASE) + own * level(BASE) + other * level(RUNG))
        assert together.value[place] == pytest.approx(one.value)
        assert together.variance[place] == pytest.approx(one.variance)
        assert together.interval()[0][place] == pytest.approx(one.interval()[0])


def test_the_interval_holds_the_truth_over_texts_draws_and_documents() -> None:
    """Gain on 3 draws, gap on 10: 400 data sets; the truth of treated - larger is -1."""
    rng, held = np.random.default_rng(10), 0
    for _ in range(400):
        documents = rng.normal(size=(2, DOCUMENTS))
        base, rung = (
            sd * rng.normal(size=(10, 1)) + documents[0] + rng.normal(size=(10, DOCUMENTS)) / 2
            for sd in (0.3, 0.6)
        )
        gains = 0.5 + 0.2 * rng.normal(size=(3, 1)) + documents[1] / 3 + rng.normal(size=(3, DOCUMENTS)) / 3
        entry = entry_of("m", base[:3] + gains, base[:3])
        low, high = estimate(score(entry, base_of("m", base)) - level(base_of("l", rung + 1.5))).interval()
        held += bool(low[0] <= -1 <= high[0])
    assert 0.92 - 3 * (0.92 * 0.08 / 400) ** 0.5 <= held / 400 <= 0.995


def test_a_task_without_a_shared_document_is_refused() -> None:
    from benchmark.errors import InputError

    layout = layout_of(10, 20)
    with pytest.raises(InputError, match="no shared test document of task t0"):
        (gain(ENTRY) - gain(entry_of("m", GAINS, 0.0).on_columns(np.arange(10, 30)))).estimated(layout)
