"""An entry's result as a table to paste: Markdown, LaTeX or JSON, with the citation."""

import difflib
import json
from pathlib import Path

from benchmark.errors import InputError
from benchmark.reports.citation import read_citation
from benchmark.reports.formats import KEY, Record, latex, markdown
from benchmark.schema.read_tables import typed_rows
from benchmark.schema.result_columns import families_of
from benchmark.schema.stored_columns import ALL

FORMATS = ("md", "latex", "json")


def report(results_dir: Path, entry: str, format: str = "md") -> str:
    """The table of one entry, ending with a line break.

    `results_dir` is `results/` or one track's folder in it; `entry` is `model/arm/corpus` or
    `track/model/arm/corpus`. Raises InputError for an unknown format, folder or entry, and for an entry that
    several tracks have.
    """
    if format not in FORMATS:
        raise InputError(f"format {format} is not known; give one of {', '.join(FORMATS)}")
    folder, row = _find(results_dir, entry)
    comparisons = _comparisons(folder, row)
    citation = read_citation(results_dir)
    if format == "json":
        content = {
            "entry": row,
            "comparisons": comparisons,
            "citation": {"text": citation.text, "bibtex": citation.bibtex},
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return (markdown if format == "md" else latex)(row, comparisons, citation)


def _find(results_dir: Path, entry: str) -> tuple[Path, Record]:
    """The track's folder and the entry's row."""
    names = entry.split("/")
    if len(names) not in (3, 4) or not all(names):
        raise InputError(f"entry '{entry}' is not model/arm/corpus or track/model/arm/corpus; write it so")
    track, key = (names[0], names[1:]) if len(names) == 4 else (None, names)
    found, known = [], []
    for folder in _track_folders(results_dir):
        for row in typed_rows(folder / "entries.csv", (*KEY, "row_kind")):
            if row["row_kind"] == "rung" or (track is not None and row.get("track") != track):
                continue
            known.append("/".join(str(row[name]) for name in KEY))
            if known[-1] == "/".join(key):
                found.append((folder, row))
    if not found:
        near = difflib.get_close_matches("/".join(key), known, n=1, cutoff=0.0)
        hint = f"; the nearest is {near[0]}" if near else "; there is none"
        raise InputError(f"no entry {entry} in {results_dir}{hint}")
    if len(found) > 1:
        tracks = ", ".join(str(row.get("track")) for _, row in found)
        raise InputError(f"entry {entry} stands in tracks {tracks}; write track/{entry}")
    return found[0]


def _track_folders(results_dir: Path) -> list[Path]:
    if (results_dir / "entries.csv").is_file():
        return [results_dir]
    folders = sorted(path.parent for path in results_dir.glob("*/entries.csv"))
    if not folders:
        raise InputError(f"no entries.csv in {results_dir} or its tracks; give a results folder")
    return folders


def _comparisons(folder: Path, row: Record) -> list[Record]:
    """The entry's rows of `comparisons.csv` over all tasks and families; none under the paper protocol."""
    path = folder / "comparisons.csv"
    if not path.is_file():
        return []
    scopes = (ALL, *(family.name for family in families_of(row)))
    needed = (*KEY, "baseline", "baseline_kind", "baseline_arm", "scope", "delta", "verdict")
    return [
        comparison
        for comparison in typed_rows(path, needed)
        if comparison["scope"] in scopes
        and (comparison.get("measure") or "score") == "score"
        and all(comparison[name] == row[name] for name in KEY)
    ]
