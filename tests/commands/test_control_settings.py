"""The measurement of the controls: what is done once is kept, and the table tells draws apart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.commands import control_settings
from benchmark.commands.control_settings import CONTROLS, ControlOutcome, outcomes, table
from benchmark.errors import InputError
from benchmark.settings.arm_specs import Arm
from benchmark.settings.corpus_specs import MicroCorpus
from benchmark.settings.load import load_settings

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    replace(CONTROLS[0], arm=Arm(kind="lessons", learning_rate=5e-3, updates=2)),
    replace(CONTROLS[1], corpus=MicroCorpus(kind="micro", part="code", texts=1), steps=(1, 2)),
)


def test_the_table_gives_a_column_to_every_draw_and_counts_the_expected_signs() -> None:
    found = [
        ControlOutcome(draw, "lessons", 1, text, {"all": gain, "classification": 0.0, "dialogue": -gain}, 1.0)
        for draw, gains in ((7, (0.01, 0.03)), (9, (0.04, 0.04)))
        for text, gain in enumerate(gains)
    ]
    _, _, first, _, last = table(found, CONTROLS[:1]).splitlines()
    assert first == "| lessons | 1 | all | +0.020 | +0.040 | +0.030 | 0.014 | 2 of 2 |"
    assert last.endswith("| 0 of 2 |")


def test_a_draw_is_trained_and_treated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = "{kind: micro, tokens: 6000, hidden: 16, layers: 1, heads: 2, ffn: 32}"
    settings = load_settings(ROOT / "params.yaml", [f"models.micro-1={small}"])
    found = outcomes(settings, 100, TINY, tmp_path)
    assert [(one.control, one.step) for one in found] == [
        ("lessons", 1),
        (TINY[1].name, 1),
        (TINY[1].name, 2),
    ]

    def refused(*_given: Any) -> None:
        raise AssertionError("done already")

    monkeypatch.setattr(control_settings, "_outcomes", refused)
    assert outcomes(settings, 100, TINY, tmp_path) == found
    with pytest.raises(AssertionError, match="done already"):
        outcomes(settings, 100, CONTROLS[2:], tmp_path)


def test_another_track_is_refused(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "tracks" / "paper" / "params.yaml")
    with pytest.raises(InputError, match="no rung 'micro-1'"):
        outcomes(settings, 100, TINY, tmp_path)
