"""The HTML tables of a page that was run alone, as frames of the words that a reader sees."""

from html.parser import HTMLParser
from typing import Any

import pandas as pd


class _Reader(HTMLParser):
    """Collects each table's headings and rows; the text of a cell without its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[dict[str, Any]] = []
        self.words: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append({"name": dict(attrs).get("aria-label"), "head": [], "rows": []})
        elif tag == "tr":
            self.tables[-1]["rows"].append([])
        elif tag in ("th", "td"):
            self.words = []

    def handle_data(self, data: str) -> None:
        if self.words is not None:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td") and self.words is not None:
            said = " ".join(self.words)
            (self.tables[-1]["head"] if tag == "th" else self.tables[-1]["rows"][-1]).append(said)
            self.words = None


def markup(test: Any) -> str:
    """All HTML of a page."""
    return "\n".join(element.proto.body for element in test.get("html"))


def html_table(html: str, name: str) -> pd.DataFrame:
    """The table that is called so to a screen reader."""
    reader = _Reader()
    reader.feed(html)
    found = next(one for one in reader.tables if one["name"] == name)
    return pd.DataFrame([row for row in found["rows"] if row], columns=found["head"])
