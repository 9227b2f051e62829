"""`gapbench score`: sample tables from anywhere, settings from the command line, one line for what is wrong."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmark.errors import InputError
from benchmark.results.standalone import score_alone, scoring_overrides
from tests.scoring.synthetic import MODELS, TASKS, Study


def test_tables_are_scored_without_a_pipeline(tmp_path: Path) -> None:
    samples = Study(documents=20).write(tmp_path / "samples.parquet")
    for name, content in (("models", MODELS), ("tasks", TASKS)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    sets = ["scoring.controls={gap: []}", "scoring.claims={pairs: {small: middle}}", "resamples=100"]
    score_alone([samples], tmp_path / "models.json", tmp_path / "out", tmp_path / "tasks.json", sets)
    comparisons = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    assert set(comparisons.query("arm == 'gap'")["baseline_kind"]) == {"base", "rung"}
    claims = json.loads((tmp_path / "out" / "claims.json").read_text())["claims"]
    assert claims[1]["parts"][0]["baseline"] == "middle"


@pytest.mark.parametrize("second", ["a.parquet", "nested/../a.parquet", "link.parquet", "."])
def test_a_file_that_is_named_twice_is_refused(second: str, tmp_path: Path) -> None:
    samples = Study(documents=20).write(tmp_path / "a.parquet")
    (tmp_path / "nested").mkdir()
    if second == "link.parquet":
        (tmp_path / second).symlink_to(samples)
    with pytest.raises(InputError, match=r"--samples .*: .*parquet was named before: give each file once$"):
        score_alone([samples, tmp_path / second], tmp_path / "models.json", tmp_path / "out", None, [])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("scoring.margn=0.4", "did you mean 'margin'"),
        ("scoring.margin", "no key"),
        ("scoring.margin=2", "margin"),
        ("scoring.ratio=[4, 2]", "ratio is [low, high]"),
        ("scoring.claims={armm: gap}", "did you mean 'arm'"),
        ("scoring.resamples=3", "resamples"),
        ("scoring.protocol=best", "protocol"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(override: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        scoring_overrides([override])
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
