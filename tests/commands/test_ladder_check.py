"""`gapbench ladder`: steps between neighbours rest on the draws of both, and what makes no ladder is said."""

import numpy as np
import pandas as pd
import pytest

from benchmark.commands.ladder_check import Rungs, RungStep, _behind, _step
from benchmark.statistics.contrast import level
from tests.scoring.synthetic import base_of, layout_of

LAYOUT = layout_of(30, 30, families=("classification", "dialogue"))


def test_a_step_is_the_difference_of_means_over_draws_on_shared_documents() -> None:
    rng = np.random.default_rng(0)
    low, high = (
        base_of(name, mean + rng.normal(size=(draws, 1)) / 50 + rng.normal(size=(draws, 60)) / 10)
        for name, mean, draws in (("m", 0.3, 4), ("l", 0.5, 6))
    )
    few = high.on_columns(np.arange(0, 60, 2))
    step = _step(low, few, LAYOUT)
    found = (level(few) - level(low)).estimated(LAYOUT).estimate
    assert (step.documents, step.draws) == (30, 4)
    assert step.delta == pytest.approx(few.values.mean() - low.values[:, ::2].mean())
    assert (step.ci_low, step.ci_high) == pytest.approx([bound[0] for bound in found.interval()])
    assert _behind(step) == "30 documents, 4 pretraining draws"


def test_one_draw_is_said_to_be_given() -> None:
    values = np.random.default_rng(1).normal(size=(2, 60))
    step = _step(base_of("m", values[0]), base_of("l", values[1] + 1), LAYOUT)
    assert _behind(step) == "60 documents, given these trained models"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"delta": 0.02, "ci_low": 0.01}, ["rises by 0.020"]),
        ({"ci_low": -0.01}, ["includes 0"]),
        ({}, []),
    ],
)
def test_neighbours_that_are_too_close_are_no_ladder(change: dict[str, float], says: list[str]) -> None:
    step = RungStep(
        "m", "l", **{"delta": 0.1, "ci_low": 0.05, "ci_high": 0.15, "documents": 60, "draws": 3, **change}
    )
    tasks = ["t0", "t1"]
    scores = pd.DataFrame([[0.5, 0.6], [0.6, 0.7]], index=["m", "l"], columns=tasks)
    rungs = Rungs(scores, [step], pd.Series([0.25, 0.0], index=tasks), pd.Series([1, 2], index=["m", "l"]))
    found = rungs.faults()
    assert len(found) == len(says) and all(word in fault for word, fault in zip(says, found, strict=True))
