"""An entry's figures as Markdown or LaTeX, every number rounded by its own uncertainty."""

import math
from typing import Any

from benchmark.reports.citation import Citation
from benchmark.reports.markdown import markdown_table
from benchmark.schema.result_columns import families_of
from benchmark.schema.stored_columns import ALL

KEY = ("model", "arm", "corpus")
INTERVALS = "Intervals are 95 %, two-sided; p is adjusted (Holm) within the entry. "
BEHIND = {
    "": "They are over documents and pretraining draws.",
    "draws": "They are over documents and texts or draws, given pretrained models of fewer than three draws.",
    "texts and draws": "They are over documents alone, given the texts and the pretrained models.",
}
OLDER = "They are over documents and texts, given the one pretrained model of each rung."
"""Of results of an older version, which do not say it."""
PUBLISHED = (
    "Intervals are 95 %, two-sided, over texts only and conditional on the documents; p is adjusted (Holm) "
    "within the entry; the best step was chosen on the documents that are reported."
)
NO_CONTROL = "Compared with no control: none runs at its learning rate on its texts."

Record = dict[str, Any]


def _score_cells(row: Record) -> list[list[str]]:
    cells = []
    for scope in (ALL, *(family.name for family in families_of(row))):
        score, low, high = (row.get(f"score_{scope}{end}") for end in ("", "_low", "_high"))
        if score is not None:
            cells.append([scope, *with_interval(score, low, high)])
    return cells


def _comparison_cells(comparison: Record) -> list[str]:
    against = comparison["baseline"]
    if comparison["baseline_kind"] == "control":
        against = f"control {comparison['baseline_arm']}"
    elif comparison["baseline_kind"] == "base":
        against = f"{against}, unmodified"
    figures = (comparison.get(name) for name in ("delta", "ci_low", "ci_high"))
    return [
        str(against),
        str(comparison["scope"]),
        *with_interval(*figures, signed=True),
        p_text(comparison.get("p_adjusted")),
        str(comparison["verdict"])
        + (", documents alone" if comparison.get("conditional") == "texts and draws" else ""),
    ]


def with_interval(
    value: float | None, low: float | None, high: float | None, *, signed: bool = False
) -> tuple[str, str]:
    """Value and interval, rounded so that the interval's half-width has two digits."""
    if value is None:
        return "no data", ""
    sign = "+" if signed else ""
    if low is None or high is None:
        return f"{value:{sign}.4f}", ""
    half = (high - low) / 2
    digits = min(max(1 - math.floor(math.log10(half)), 2), 6) if half > 0 else 4
    return f"{value:{sign}.{digits}f}", f"{low:{sign}.{digits}f} to {high:{sign}.{digits}f}"


def p_text(value: float | None) -> str:
    """A p-value; nothing for None."""
    if value is None:
        return ""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _facts(row: Record, comparisons: list[Record]) -> list[str]:
    """What stands beside the tables, as plain sentences."""
    facts = [
        f"Track {row.get('track')}, suite {row.get('suite_version')}, {_counts(row)}, "
        f"{row.get('n_docs')} documents, verification: {row.get('verification') or 'none'}."
    ]
    size, note = row.get("effective_size"), row.get("effective_size_note")
    if size is not None:
        low, high = row.get("effective_size_low"), row.get("effective_size_high")
        interval = (
            f" (95 % {size_text(low)} to {size_text(high)})" if low is not None and high is not None else ""
        )
        said = f"; {note}" if note else ""
        facts.append(
            f"Effective size {size_text(size)}{interval}, own size {size_text(row['parameters'])}{said}."
        )
    elif note:
        facts.append(f"Effective size: {note}.")
    facts += [
        _share(one) for one in comparisons if one.get("share_closed") is not None and one["scope"] == "all"
    ]
    if row.get("best_text_gain_all") is not None:
        gain, interval = with_interval(
            *(row.get(f"best_text_gain_all{end}") for end in ("", "_low", "_high")), signed=True
        )
        facts.append(
            f"The best text and step on select gains {gain} (95 % {interval}) on test, given that one run: the "
            "quantity of the original's figure."
        )
    if row.get("optimism") is not None:
        facts.append(f"Choosing the step on the reported documents would add {row['optimism']:.4f}.")
    if row.get("track") == "published":
        return [*facts, PUBLISHED]
    if row["row_kind"] == "entry" and comparisons and not any(map(_with_control, comparisons)):
        facts.append(NO_CONTROL)
    behind = BEHIND[row.get("conditional") or ""] if "conditional" in row else OLDER
    return [*facts, INTERVALS + behind]


def _counts(row: Record) -> str:
    """`5 texts on 3 pretraining draws`; results of an older version count texts under another name, and no draws."""
    texts, draws = row.get("n_texts", row.get("n_runs")), row.get("n_draws")
    said = "unknown texts" if texts is None else f"{int(texts)} text{'' if texts == 1 else 's'}"
    return said if draws is None else f"{said} on {draws} pretraining draw{'' if draws == 1 else 's'}"


def _share(comparison: Record) -> str:
    low, high = comparison.get("share_closed_low"), comparison.get("share_closed_high")
    interval = (
        f" (95 % {100 * low:.0f} % to {100 * high:.0f} %)" if low is not None and high is not None else ""
    )
    return f"Of the gap to {comparison['baseline']} it closes {100 * comparison['share_closed']:.0f} %{interval}."


def _with_control(comparison: Record) -> bool:
    return bool(comparison["baseline_kind"] == "control")


def size_text(parameters: float) -> str:
    """Parameters with three digits and a unit."""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if parameters >= scale:
            return f"{parameters / scale:.3g}{unit}"
    return f"{parameters:.0f}"


def _title(row: Record) -> str:
    return "/".join(str(row[name]) for name in KEY)


def _tables(row: Record, comparisons: list[Record]) -> list[tuple[str, list[str], list[list[str]]]]:
    """The tables of an entry: alignment of the columns, head and rows."""
    tables = [("lrr", ["scope", "score", "95 %"], _score_cells(row))]
    if comparisons:
        head = ["against", "scope", "difference", "95 %", "adjusted p", "verdict"]
        tables.append(("llrrrl", head, [_comparison_cells(one) for one in comparisons]))
    return tables


def markdown(row: Record, comparisons: list[Record], citation: Citation) -> str:
    """Markdown tables of an entry's scores and comparisons."""
    tables = [
        markdown_table(head, [[escape_markdown(cell) for cell in cells] for cells in rows])
        for _, head, rows in _tables(row, comparisons)
    ]
    facts = "\n".join(escape_markdown(fact) for fact in _facts(row, comparisons))
    return (
        "\n\n".join([f"**{escape_markdown(_title(row))}**", *tables, facts, f"Cite as: {citation.text}"])
        + "\n"
    )


def escape_markdown(text: str) -> str:
    """Text as Markdown shows it."""
    return text.translate({ord(char): f"\\{char}" for char in r"\`*_[]<>|"})


def latex(row: Record, comparisons: list[Record], citation: Citation) -> str:
    """A LaTeX table (booktabs), the citation's BibTeX as a comment behind it.

    Written here because `DataFrame.to_latex` needs jinja2 and leaves the escaping of `<` and `>` to the caller.
    """
    tables = [latex_table(*table) for table in _tables(row, comparisons)]
    facts = escape_latex(" ".join(_facts(row, comparisons)))
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        "\n\\par\\medskip\n".join(tables),
        rf"\caption{{\texttt{{{escape_latex(_title(row))}}}. {facts}}}",
        r"\end{table}",
        *(f"% {line}" for line in citation.bibtex.splitlines()),
    ]
    return "\n".join(lines) + "\n"


def latex_table(columns: str, head: list[str], rows: list[list[str]]) -> str:
    """A `tabular` in the style of booktabs; `columns` is the alignment, cells are escaped here."""
    first, *others = (" & ".join(map(escape_latex, cells)) + r" \\" for cells in (head, *rows))
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", first, r"\midrule", *others, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}"])


LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def escape_latex(text: str) -> str:
    """Text as LaTeX sets it."""
    return text.translate({ord(char): escaped for char, escaped in LATEX.items()})
