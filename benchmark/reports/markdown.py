"""Markdown tables, and pages whose tables are written by programs."""

from collections.abc import Iterable, Mapping, Sequence

from benchmark.errors import InputError


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without a line break at its end; cells are taken as they are."""
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def fill(page: str, tables: Mapping[str, str]) -> str:
    """The page with each text between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises InputError where the page does not have both marks exactly once.
    """
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise InputError(f"the page lacks {begin.strip()} or {end.strip()}: put both around the table")
        before, rest = page.split(begin)
        page = before + begin + table + end + rest.split(end, 1)[1]
    return page
