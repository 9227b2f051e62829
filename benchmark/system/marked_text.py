"""Parts of a page of documentation that a program writes, each between two markers of its name."""

from collections.abc import Mapping

from benchmark.errors import InputError


def replace_between_markers(page: str, parts: Mapping[str, str]) -> str:
    """The page with each part between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        InputError: a marker is missing or stands there twice.
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise InputError(f"the page lacks {begin.strip()} or {end.strip()}: put both around the table")
        before, rest = page.split(begin)
        page = before + begin + part + end + rest.split(end, 1)[1]
    return page
