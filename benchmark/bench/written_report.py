"""Tables of a page of documentation, written from ``bench.json`` and a track's ``provenance.json``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.reports.markdown import markdown_table
from benchmark.system.files import write_text
from benchmark.system.marked_text import replace_between_markers

FIGURES = ("ours", "peer", "ratio", "spread")


def bench_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: one line per benchmark."""
    lines = []
    for name, row in rows.items():
        figures = [f"{row[column]:.4g}" for column in FIGURES]
        bound = f"{row['bound']}{'' if row['holds'] else ', **missed**'}" if "bound" in row else ""
        lines.append([name, *figures, row["unit"], bound])
    return markdown_table(["benchmark", *FIGURES, "unit", "bound"], lines)


def stage_table(provenance: Mapping[str, Any]) -> str:
    """Markdown: wall seconds of the stages of one track that took a second or more."""
    seconds = {name: value for name, value in provenance["wall_seconds"].items() if value >= 1}
    return markdown_table(
        ["stage", "wall seconds"], [[name, f"{value:.1f}"] for name, value in sorted(seconds.items())]
    )


def architecture_table(measured: Mapping[str, Any]) -> str:
    """Markdown: the CPU, and one line per benchmark of ``architectures.json``."""
    return f"One thread of: {measured['cpu']}.\n\n{bench_table(measured['rows'])}"


def write_report(bench: Path, provenance: Path, page: Path) -> None:
    """Replace the tables between the page's markers ``bench``, ``stages`` and ``architectures``.

    ``architectures.json`` stands beside ``bench.json``, once it was measured. A test compares page and files.
    """
    measured, made = (json.loads(path.read_text(encoding="utf-8")) for path in (bench, provenance))
    tables = {"bench": bench_table(measured), "stages": stage_table(made)}
    others = bench.with_name("architectures.json")
    if others.is_file():
        tables["architectures"] = architecture_table(json.loads(others.read_text(encoding="utf-8")))
    write_text(page, replace_between_markers(page.read_text(encoding="utf-8"), tables))
