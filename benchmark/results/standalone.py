"""`gapbench score`: scoring alone, on sample tables from anywhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from benchmark.errors import InputError
from benchmark.results.score_track import run_score
from benchmark.scoring.sample_files import sample_files
from benchmark.settings.load import describe
from benchmark.settings.names import nearest
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.system.strict_yaml import parse_yaml

MAX_BYTES = 10_000_000


def score_alone(
    samples: Sequence[Path], models: Path, out: Path, tasks: Path | None, overrides: Sequence[str]
) -> None:
    """Score tables of the samples schema, write the tables of the results to `out`, and say what has no interval.

    Raises:
        InputError: a file is missing or not of its schema, or a setting is unknown.
    """
    for path in samples:
        if not path.exists():
            raise InputError(f"--samples {path}: no such file or folder: name parquet files")
    _refuse_doubled(samples)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: a file: name a folder")
    known = read_object(models, "--models")
    about_tasks = read_object(tasks, "--tasks") if tasks else None
    settings = scoring_overrides(overrides)
    run_score(samples, known, out, tasks=about_tasks, settings=settings)
    print(without_interval(out / "comparisons.csv"), end="")


def _refuse_doubled(samples: Sequence[Path]) -> None:
    """InputError where a file is named twice, by itself or within a folder, in whatever spelling."""
    named: set[Path] = set()
    for path in samples:
        for file in sample_files([path]):
            if file.resolve() in named:
                raise InputError(f"--samples {path}: {file} was named before: give each file once")
            named.add(file.resolve())


def without_interval(comparisons: Path) -> str:
    """A line that says how many comparisons have no interval, and why; nothing where all have one."""
    bounds = pd.read_csv(comparisons, usecols=["ci_low", "p_value"])
    empty = bounds["ci_low"].isna()
    if not empty.any():
        return ""
    return (
        f"{empty.sum()} of {len(bounds)} comparisons have no interval: their difference has no spread over "
        "documents and texts (or a task has one document); "
        f"{(empty & bounds['p_value'].notna()).sum()} of them have the p-value of an exact sign test\n"
    )


def read_object(path: Path, option: str) -> dict[str, Any]:
    """The JSON object of a file; refused where it is missing, large or something else."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{option} {path}: more than {MAX_BYTES} bytes: name a models or tasks file")
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{option} {path}: cannot be read ({error.strerror}): name a JSON file") from None
    except (ValueError, RecursionError):
        raise InputError(f"{option} {path}: not JSON: write an object of names") from None
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise InputError(f"{option} {path}: expected an object of objects, by name")
    return value


def scoring_overrides(overrides: Sequence[str]) -> ScoringSettings:
    """Scoring settings from `scoring.key=value`, as `--set` takes them."""
    values: dict[str, Any] = {}
    for override in overrides:
        key, separator, value = override.partition("=")
        name = key.strip().removeprefix("scoring.")
        if not separator or name not in ScoringSettings.model_fields:
            raise InputError(f"--set {override!r}: no key{nearest(name, ScoringSettings.model_fields)}")
        values[name] = parse_yaml(value, f"--set {key}")
    try:
        return ScoringSettings.model_validate(values)
    except ValidationError as error:
        raise InputError(f"--set scoring: {describe(error)}") from None
