"""An entry's result as a table to paste: Markdown, LaTeX or JSON, with the citation."""

import difflib
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa

from benchmark.errors import InputError
from benchmark.reports.citation import read_citation
from benchmark.reports.formats import KEY, Record, latex, markdown
from benchmark.schema.result_columns import COMPARISONS, ENTRIES
from benchmark.statistics.design import SUMMARY_SCOPES

FORMATS = ("md", "latex", "json")
INTEGERS = {
    field.name for schema in (ENTRIES, COMPARISONS) for field in schema if pa.types.is_integer(field.type)
}


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
        for row in _read(folder / "entries.csv", (*KEY, "row_kind")):
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


def _read(path: Path, needed: tuple[str, ...]) -> list[Record]:
    """Rows with None for what is empty."""
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(KEY, str), keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path} cannot be read ({str(error).splitlines()[0]}); generate it again"
        ) from error
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise InputError(f"{path} lacks columns {', '.join(missing)}; generate it again")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [
        {
            str(name): int(value) if name in INTEGERS and value is not None else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _comparisons(folder: Path, row: Record) -> list[Record]:
    """The entry's rows of `comparisons.csv` over all tasks and families; none under the paper protocol."""
    path = folder / "comparisons.csv"
    if not path.is_file():
        return []
    needed = (*KEY, "baseline", "baseline_kind", "baseline_arm", "scope", "delta", "verdict")
    return [
        comparison
        for comparison in _read(path, needed)
        if comparison["scope"] in SUMMARY_SCOPES
        and (comparison.get("measure") or "score") == "score"
        and all(comparison[name] == row[name] for name in KEY)
    ]
