"""Which runs were published: what the original's two notebooks say, and what the files show of it.

The notebooks are `notebooks/full_results_dialog.ipynb` and `notebooks/full_results_classification.ipynb` of
kaist-lklab/GAP at fe89b0ad6c5c13f7f4e848ad3058a7df1fc3b5c6; the counts are the outputs of their cells 4 to 7.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.published.source_files import FAMILIES, FamilyFigures, PublishedFigures, published_folder

Facts = dict[str, Any]

NOTEBOOKS = {
    "classification": "full_results_classification.ipynb",
    "dialogue": "full_results_dialog.ipynb",
}
POOL = {
    "classification": {"opt-350m": 694, "opt-1-3b": 690, "opt-2-7b": 305},
    "dialogue": {"opt-350m": 694, "opt-1-3b": 691, "opt-2-7b": 305},
}
"""Runs that climbed the loss and have all scores of the family, of any batch size."""

DRAWN = 100
"""Runs with batch size 1 drawn at random of each model and corpus, for each family apart; all where there are fewer."""

COUNTED = {
    "valid_runs": "len(valid_runs)",
    "opt-350m": "len(runs_350m)",
    "opt-1-3b": "len(runs_1b)",
    "opt-2-7b": "len(runs_3b)",
}
"""The last line of the notebook's cell that shows a count."""


def sampling(figures: PublishedFigures) -> Facts:
    """Pools, runs that were not published (at most), and how far the texts of the two files agree by cell."""
    apart = [
        (_texts(figures.classification, model, corpus), _texts(figures.dialogue, model, corpus))
        for model in figures.models()
        for corpus in figures.corpora()
    ]
    differ = [sum((first - second).values()) for first, second in apart if first != second]
    return {
        "drawn": DRAWN,
        "pool": POOL,
        "runs": {family: sum(counts.values()) for family, counts in POOL.items()},
        "unpublished_at_most": {
            family.family: sum(POOL[family.family].values()) - len(family.rows) for family in figures.families
        },
        "cells": len(apart),
        "cells_with_the_same_texts": len(apart) - len(differ),
        "most_texts_that_differ": max(differ, default=0),
    }


def _texts(family: FamilyFigures, model: str, corpus: str) -> Counter[int]:
    rows = family.rows[(family.rows["model"] == model) & (family.rows["corpus"] == corpus)]
    return Counter(int(index) for index in rows["index"])


def sampling_lines(facts: Facts) -> list[str]:
    """The facts of `sampling` as plain lines."""
    lines = [
        f"{family}: drawn from {facts['runs'][family]} runs that climbed the loss ("
        + ", ".join(f"{model} {count}" for model, count in facts["pool"][family].items())
        + f"; the original's notebooks): of those with batch size 1 at random {facts['drawn']} a model and corpus, "
        f"at most {facts['unpublished_at_most'][family]} runs are not published"
        for family in FAMILIES
    ]
    return [
        *lines,
        f"texts of the two files: the same in {facts['cells_with_the_same_texts']} of {facts['cells']} cells of "
        f"model and corpus, elsewhere {facts['most_texts_that_differ']} differs at most",
    ]


def check_notebooks(folder: Path) -> bool:
    """Whether the notebooks lie beside `full_results/`; their counts must then be those of `POOL`.

    Raises:
        InputError: a notebook is no notebook, lacks a count, or has another.
    """
    beside = published_folder(folder).resolve().parent / "notebooks"
    if not beside.is_dir():
        return False
    for family, name in NOTEBOOKS.items():
        path = beside / name
        if not path.is_file():
            raise InputError(f"{path} is missing; give a whole clone of the original, or full_results/ alone")
        expected = {**POOL[family], "valid_runs": sum(POOL[family].values())}
        found = _counts(path)
        if found != expected:
            shown = ", ".join(
                f"{key} {found.get(key)}" for key in expected if found.get(key) != expected[key]
            )
            raise InputError(
                f"{path}: {shown} is not what the commit of docs/FINDINGS.md has; check that one out"
            )
    return True


def _counts(path: Path) -> dict[str, int]:
    """The counts that the notebook's cells show; cells are looked at, never run."""
    found: dict[str, int] = {}
    try:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"]).strip().splitlines()
            for key, line in COUNTED.items():
                if source and source[-1] == line:
                    found[key] = int("".join(cell["outputs"][-1]["data"]["text/plain"]))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path} is no notebook with its outputs ({error}); fetch it again") from error
    return found
