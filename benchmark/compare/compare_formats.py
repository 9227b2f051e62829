"""A comparison as Markdown, LaTeX or JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmark.compare.compare_words import facts, finite, tables
from benchmark.compare.compared_scopes import Compared, VerdictShares
from benchmark.compare.paired_documents import PairedStudy
from benchmark.reports.formats import escape_latex, escape_markdown, latex_table
from benchmark.reports.markdown import markdown_table


def markdown_of(study: PairedStudy, found: Compared, rules: VerdictShares) -> str:
    """Tables and a list of what is behind them."""
    written = [
        markdown_table(
            [escape_markdown(cell) for cell in table.head],
            [[escape_markdown(cell) for cell in row] for row in table.rows],
        )
        for table in tables(study, found)
    ]
    said = "\n".join(f"- {escape_markdown(fact)}" for fact in facts(study, found, rules))
    return "\n\n".join([*written, said]) + "\n"


def latex_of(study: PairedStudy, found: Compared, rules: VerdictShares) -> str:
    """A LaTeX table (booktabs) whose caption says what is behind it."""
    written = [latex_table(table.columns, list(table.head), table.rows) for table in tables(study, found)]
    caption = escape_latex(" ".join(facts(study, found, rules)))
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        "\n\\par\\medskip\n".join(written),
        rf"\caption{{{caption}}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def json_of(study: PairedStudy, found: Compared, rules: VerdictShares) -> str:
    """Everything, numbers unrounded, null where there is none."""
    content = {
        "models": [
            {
                "side": "AB"[place] if place < 2 else "baseline",
                "label": model.label,
                "folders": [str(run.folder) for run in model.runs],
                "parameters": model.parameters,
                "average_corrected": None if found.corrected is None else found.corrected[place],
            }
            for place, model in enumerate(study.models)
        ],
        "rules": asdict(rules),
        "runs_paired": found.paired,
        "comparisons": [_plain(row) for row in found.rows],
        "tasks": [_plain(task) for task in found.tasks],
        "groups": {name: list(tasks) for name, tasks in study.groups.items()},
        "effective_size": None if found.size is None else asdict(found.size),
        "effective_size_note": found.size_note,
        "facts": facts(study, found, rules),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: finite(value.item() if isinstance(value, np.generic) else value) for name, value in row.items()
    }
