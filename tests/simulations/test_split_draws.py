"""Halves of draws agree as they should where standard errors are right, and errors that are not are found out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.commands import disjoint_draws as command
from benchmark.errors import CheckFailed, InputError
from benchmark.scoring.run_records import Model
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.simulations.split_draws import agreement
from benchmark.simulations.whole_study import Study
from benchmark.statistics import crossed
from benchmark.statistics.crossed import VariancePart
from benchmark.statistics.design import Floats, Layout
from tests.scoring.synthetic import base_of, entry_of, layout_of

LAYOUT = layout_of(40, 40, 40, families=("classification", "classification", "dialogue"))
MODELS = {name: Model(name, size, "l", "both") for name, size in (("m", 100), ("l", 250))}


def made(seed: int, draws: int = 10, gain_of_level: float = 0.0) -> Study:
    """Two rungs and two treatments; draws move levels by .03, gains by .01 and by a share of the level's move."""
    rng = np.random.default_rng(seed)
    documents = rng.normal(size=LAYOUT.size) / 5

    def by_draw(size: float) -> Floats:
        return np.asarray(size * rng.normal(size=(draws, 1)), dtype=np.float64)

    def left(size: float) -> Floats:
        return np.asarray(size * rng.normal(size=(draws, LAYOUT.size)), dtype=np.float64)

    moved = by_draw(0.03)
    base = base_of("m", 0.4 + documents + moved + left(0.05))
    larger = base_of("l", 0.6 + documents + by_draw(0.05) * 0.4 + left(0.05))
    entries = {}
    for arm in ("gap", "other"):
        gains = 0.01 + by_draw(0.01) + gain_of_level * moved + left(0.02)
        entry = entry_of("m", base.values + gains, base.values, arm=arm)
        entries[entry.key] = entry
    return Study(entries, {"m": base, "l": larger}, MODELS, LAYOUT, ScoringSettings())


def test_the_range_holds_the_root_mean_square_of_sound_errors() -> None:
    found = [agreement(made(seed), 3, 100, seed) for seed in range(40)]
    for kind in ("base", "rung"):
        assert {one[kind].comparisons for one in found} == {2 * len(LAYOUT.summary_scopes)}
        assert sum(not one[kind].inside for one in found) <= 6  # 2 are expected; more than 6 have p = .003
        assert np.median([one[kind].rms for one in found]) == pytest.approx(1.0, abs=0.15)


def halved_errors(
    part_of: Callable[[Floats, Layout], tuple[VariancePart, Floats]],
) -> Callable[..., tuple[VariancePart, Floats]]:
    def spoiled(group: Floats, layout: Layout) -> tuple[VariancePart, Floats]:
        part, interaction = part_of(group, layout)
        return VariancePart(part.variance / 4, part.df), interaction

    return spoiled


def test_errors_that_are_too_small_are_found_out_and_the_command_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "track_study", lambda _params: made(0))
    command.disjoint(Path("params.yaml"), splits=20)
    said = capsys.readouterr().out
    assert said.count("6 comparisons") == said.count("inside its simulated") == 2
    monkeypatch.setattr(crossed, "_text_variance", halved_errors(crossed._text_variance))
    with pytest.raises(CheckFailed, match="own base model, larger rungs are not right"):
        command.disjoint(Path("params.yaml"), splits=20)
    assert capsys.readouterr().out.count("OUTSIDE") == 2


def test_gains_that_go_with_the_level_are_found_out_against_larger_rungs_alone() -> None:
    found = agreement(made(1, gain_of_level=1.0), 60, 300)
    assert found["base"].inside
    assert found["rung"].rms > found["rung"].high


def test_too_few_draws_to_halve_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "track_study", lambda _params: made(0, draws=5))
    with pytest.raises(InputError, match="5 pretraining draws leave fewer than 3 in a half"):
        command.disjoint(Path("params.yaml"))
