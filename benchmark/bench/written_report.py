"""Tables of a page of documentation, written from ``bench.json`` and a track's ``provenance.json``.

``python -m benchmark.bench.written_report bench.json provenance.json docs/PERFORMANCE.md`` replaces what stands between
the page's markers; a test compares the page with the files.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.reports.markdown import fill, markdown_table

FIGURES = ("ours", "peer", "ratio", "spread")
Measured = Mapping[str, Mapping[str, Any]]


def bench_table(rows: Measured) -> str:
    """Markdown: one line a benchmark."""
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


def tables_of(bench: Path, provenance: Path) -> dict[str, str]:
    """Both tables from their files."""
    measured = json.loads(bench.read_text(encoding="utf-8"))
    return {
        "bench": bench_table(measured),
        "stages": stage_table(json.loads(provenance.read_text(encoding="utf-8"))),
    }


def main(bench: Path, provenance: Path, page: Path) -> None:
    """Rewrite the page's tables."""
    page.write_text(fill(page.read_text(encoding="utf-8"), tables_of(bench, provenance)), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
