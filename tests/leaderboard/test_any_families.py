"""Families, tasks, arms and models by any name: every page opens, and no page knows a name of its own."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from places import PAGES, ROOT

from leaderboard.measure.made_track import FAMILIES, wide_track

Open = Callable[..., Any]
LABELS = ["Knowledge", "Reasoning", "Reading comprehension", "Code", "Open answers"]
NAMES = re.compile(r"classification|dialog(?!ue box)|(?<=[\"'])gap(?=[\"'-])|micro-", re.IGNORECASE)
"""Families, the arm and the models of the suites and tracks that are known."""
ALLOWED = ("leaderboard/measure/made_track.py", "leaderboard/measure/waiting_times.py")
"""Modules that make a track like the known ones, and measure pages on it."""


@pytest.fixture(scope="session")
def wide(made_once: Callable[..., Path]) -> Path:
    return made_once("wide", wide_track())


def test_the_track_is_as_wide_as_it_says(wide: Path) -> None:
    entries = pd.read_csv(wide / "wide" / "entries.csv", keep_default_na=False)
    comparisons = pd.read_csv(wide / "wide" / "comparisons.csv")
    assert entries["model"].nunique() == 30 and entries.query("row_kind != 'rung'")["arm"].nunique() == 12
    assert comparisons["scope"].nunique() == 1 + len(FAMILIES) + 57 == 63


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("published", "submit", "method")])
def test_a_page_opens_on_a_wide_track(opened: Open, wide: Path, page: str) -> None:
    test = opened(page, wide, track="wide")
    assert not test.exception and not test.error and not test.warning


def test_families_are_offered_by_their_labels_in_the_suite_s_order(opened: Open, wide: Path) -> None:
    choice = next(w for w in opened("entry", wide, track="wide").segmented_control if w.key == "entry.curve")
    assert list(choice.options) == ["All tasks", *LABELS]
    tasks = next(
        f.value
        for f in opened("entry", wide, track="wide").dataframe
        if "task" in f.value and "score" in f.value
    )
    assert list(tasks["task"])[:6] == ["All tasks", *LABELS]


def test_a_family_can_be_chosen(opened: Open, wide: Path) -> None:
    query = {"track": "wide", "curve": "open-answers", "dots": "reading-comprehension", "scope": "code"}
    test = opened("entry", wide, **query)
    assert not test.exception and not test.error
    stored = pd.read_csv(wide / "wide" / "comparisons.csv").query("scope == 'code' and measure == 'score'")
    shown = next(f.value for f in test.dataframe if "p_noninferior_adjusted" in f.value)
    assert set(shown["delta"]) <= set(stored["delta"])


def test_columns_of_families_can_be_added_to_the_ranking(opened: Open, wide: Path) -> None:
    columns = ["model", "score_code", "code_interval", "probability_open-answers"]
    test = opened("answer", wide, track="wide", cols=columns)
    ranking = next(f.value for f in test.dataframe if list(f.value.columns) == columns)
    stored = pd.read_csv(wide / "wide" / "entries.csv").query("row_kind == 'entry'")
    assert sorted(ranking["score_code"]) == sorted(stored["score_code"])


@pytest.mark.parametrize(
    "path", sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "leaderboard").rglob("*.py"))
)
def test_no_page_knows_families_arms_or_models_by_name(path: str) -> None:
    found = NAMES.findall((ROOT / path).read_text(encoding="utf-8"))
    assert bool(found) == (path in ALLOWED), found
