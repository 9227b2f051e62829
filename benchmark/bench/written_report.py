"""Tables of a page of documentation, written from ``bench.json`` and a track's ``provenance.json``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.system.marked_text import replace_between_markers


def bench_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: one line per benchmark."""
    lines = ["| benchmark | ours | peer | ratio | spread | unit | bound |", "| --- " * 7 + "|"]
    for name, row in rows.items():
        figures = " | ".join(f"{row[column]:.4g}" for column in ("ours", "peer", "ratio", "spread"))
        bound = f"{row['bound']}{'' if row['holds'] else ', **missed**'}" if "bound" in row else ""
        lines.append(f"| {name} | {figures} | {row['unit']} | {bound} |")
    return "\n".join(lines)


def stage_table(provenance: Mapping[str, Any]) -> str:
    """Markdown: wall seconds of the stages of one track that took a second or more."""
    seconds = {name: value for name, value in provenance["wall_seconds"].items() if value >= 1}
    lines = ["| stage | wall seconds |", "| --- | --- |"]
    lines += [f"| {name} | {value:.1f} |" for name, value in sorted(seconds.items())]
    return "\n".join(lines)


def write_report(bench: Path, provenance: Path, page: Path) -> None:
    """Replace both tables between the page's markers ``bench`` and ``stages``; a test compares page and files."""
    measured, made = (json.loads(path.read_text(encoding="utf-8")) for path in (bench, provenance))
    tables = {"bench": bench_table(measured), "stages": stage_table(made)}
    page.write_text(replace_between_markers(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
