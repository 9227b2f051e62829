"""A comparison as one HTML file: no script, nothing to fetch, all text escaped."""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.compare.compare_words import WrittenTable, facts, tables
from benchmark.compare.compared_scopes import Compared, VerdictShares
from benchmark.compare.disagreements import MOST_SHOWN, Disagreement, disagreements
from benchmark.compare.forest_plot import forest_plot
from benchmark.compare.paired_documents import PairedStudy

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em }
body { color: #1b1b1b; background: #fff }
table { border-collapse: collapse; margin: .5em 0 1.5em; display: block; overflow-x: auto }
th, td { padding: .25em .7em; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
td.r, th.r { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
svg { max-width: 100%; height: auto; display: block; font-size: 13px }
svg text { fill: #1b1b1b } svg text.summary { font-weight: 600 }
svg line.axis { stroke: #777 } svg line.zero { stroke: #777; stroke-dasharray: 3 3 }
svg line.task { stroke: #0b62a8; stroke-width: 2 } svg line.summary { stroke: #1b1b1b; stroke-width: 2 }
svg circle { fill: #0b62a8 } svg path { fill: #1b1b1b }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font-size: 13px; max-height: 16em; overflow-y: auto }
summary { cursor: pointer; padding: .3em 0 }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_of(study: PairedStudy, found: Compared, rules: VerdictShares) -> str:
    """The page: forest plots, tables, what is behind them, the tasks, and the documents that differ."""
    title = f"{study.models[1].label} (B) against {study.models[0].label} (A)"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        *_plots(found),
        *(line for table in tables(study, found) for line in _table(table)),
        "<h2>What is behind the figures</h2>",
        "<ul>",
        *(f"<li>{html.escape(fact)}</li>" for fact in facts(study, found, rules)),
        "</ul>",
        *_table(_tasks(found)),
        "<h2>Documents on which A and B differ</h2>",
        *(
            line
            for task in study.tasks
            for line in _details(list(disagreements(study, task)), task.name, found)
        ),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _plots(found: Compared) -> Iterator[str]:
    for against in dict.fromkeys((row["against_kind"], row["against"]) for row in found.rows):
        rows = [row for row in found.rows if (row["against_kind"], row["against"]) == against]
        axis = f"B - {'A' if against[0] == 'A' else against[1]}"
        yield f"<h2>{html.escape(axis)}, 95 % intervals</h2>"
        yield forest_plot(rows, f"{axis} by task", axis)


def _table(table: WrittenTable) -> Iterator[str]:
    yield f"<h2>{html.escape(table.title)}</h2>"
    yield "<table><thead>"
    yield _line("th", table.head, table.columns)
    yield "</thead><tbody>"
    for row in table.rows:
        yield _line("td", row, table.columns)
    yield "</tbody></table>"


def _line(tag: str, cells: Sequence[str], columns: str) -> str:
    right = {"r": ' class="r"', "l": ""}
    inner = "".join(
        f"<{tag}{right[column]}>{html.escape(cell)}</{tag}>"
        for cell, column in zip(cells, columns, strict=True)
    )
    return f"<tr>{inner}</tr>"


def _tasks(found: Compared) -> WrittenTable:
    rows = [
        [
            task["task"],
            task["version"],
            task["metric"],
            task["filter"],
            str(task["documents"]),
            f"{task['clusters']} by {task['cluster_field']}" if task["cluster_field"] else _alone(task),
            "not known" if task["chance"] is None else f"{task['chance']:.4f}",
            str(task["disagree"]),
        ]
        for task in found.tasks
    ]
    head = ("task", "version", "metric", "filter", "documents", "clusters", "chance", "A and B differ")
    return WrittenTable("Tasks", "llllrlrr", head, rows)


def _alone(task: Mapping[str, Any]) -> str:
    return "each its own" if task["clusters"] == task["documents"] else f"{task['clusters']} by content"


def _details(shown: Sequence[Disagreement], task: str, found: Compared) -> Iterator[str]:
    count = next(row["disagree"] for row in found.tasks if row["task"] == task)
    first = f", the first {MOST_SHOWN}" if count > MOST_SHOWN else ""
    yield f"<details><summary>{html.escape(task)}: {count} documents{first}</summary>"
    if shown:
        yield "<table><thead>"
        yield _line("th", ("document", "prompt", "right answer", "A", "score", "B", "score"), "rlllrlr")
        yield "</thead><tbody>"
        for one in shown:
            texts = [
                f"<td><pre>{html.escape(text)}</pre></td>"
                for text in (one.prompt, one.target, one.answer_a, one.answer_b)
            ]
            yield (
                f'<tr><td class="r">{one.doc_id}</td>{texts[0]}{texts[1]}{texts[2]}<td class="r">{one.score_a:g}</td>'
                f'{texts[3]}<td class="r">{one.score_b:g}</td></tr>'
            )
        yield "</tbody></table>"
    yield "</details>"
