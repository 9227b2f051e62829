"""Cards and tables as plain HTML, for the page and for the static copy. Every text from data is escaped here.

On a narrow screen each row of a table becomes a card, with the column's heading before each cell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from leaderboard.display import theme, wording

_LIGHT = "--gb-good:#0b6a42;--gb-bad:#b3380b;--gb-accent:#1f5fa8;--gb-quiet:#566273;--gb-line:#d6dce4;--gb-soft:#f3f5f8"
_DARK = "--gb-good:#4fd1a0;--gb-bad:#fb923c;--gb-accent:#8fc0f5;--gb-quiet:#a9b4c2;--gb-line:#364252;--gb-soft:#1d2530"
_RULES = """
.gb-cards { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); }
.gb-card { display: block; border: 1px solid var(--gb-line); border-radius: .5rem; padding: .5rem .7rem;
  color: inherit !important; text-decoration: none !important; line-height: 1.3; }
.gb-card:hover, .gb-card:focus-visible { border-color: var(--gb-accent); background: var(--gb-soft); }
.gb-ask { font-size: .82rem; font-weight: 600; min-height: 2.1rem; }
.gb-verdict { font-size: 1.02rem; font-weight: 700; margin-top: .1rem; }
.gb-note { font-size: .76rem; color: var(--gb-quiet); }
.gb-more { font-size: .76rem; color: var(--gb-accent); text-decoration: underline; }
.gb-good { color: var(--gb-good); } .gb-bad { color: var(--gb-bad); } .gb-none { color: var(--gb-quiet); }
.gb-table { border-collapse: collapse; width: 100%; font-size: .84rem; line-height: 1.3; margin: 0; }
.gb-table th { text-align: left; font-weight: 600; font-size: .78rem; color: var(--gb-quiet); padding: .3rem .45rem;
  border-bottom: 2px solid var(--gb-line); vertical-align: bottom; }
.gb-table th a { color: inherit !important; text-decoration: none; }
.gb-table th a:hover, .gb-table th a:focus-visible { text-decoration: underline; }
.gb-table td { padding: .32rem .45rem; border-bottom: 1px solid var(--gb-line); overflow-wrap: anywhere; }
.gb-table td.gb-figure, .gb-table th.gb-figure { text-align: right; font-variant-numeric: tabular-nums;
  overflow-wrap: normal; }
.gb-table tr:hover td { background: var(--gb-soft); }
.gb-table tr.gb-grey td { color: var(--gb-quiet); background: var(--gb-soft); }
.gb-table td a { color: var(--gb-accent); font-weight: 600; }
.gb-small { font-size: .74rem; color: var(--gb-quiet); white-space: nowrap; }
.gb-bar { position: relative; height: 8px; min-width: 96px; background: var(--gb-soft); border-radius: 4px;
  margin-top: .15rem; border: 1px solid var(--gb-line); }
.gb-span { position: absolute; top: 0; bottom: 0; background: var(--gb-accent); opacity: .45; border-radius: 3px; }
.gb-dot { position: absolute; top: -2px; bottom: -2px; width: 3px; margin-left: -1px; background: var(--gb-accent); }
.gb-grey .gb-span, .gb-grey .gb-dot { background: var(--gb-quiet); }
.gb-marks { display: grid; grid-template-columns: repeat(2, max-content); gap: .05rem .6rem; font-size: .76rem; }
.gb-marks span { white-space: nowrap; }
.gb-place { display: block; scroll-margin-top: 5rem; }
@media (max-width: 700px) {
  .gb-ask { min-height: 0; }
  .gb-cards { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
  .gb-table thead { display: none; }
  .gb-table, .gb-table tbody { display: block; }
  .gb-table tr { display: block; border: 1px solid var(--gb-line); border-radius: .5rem; padding: .4rem .6rem;
    margin-bottom: .6rem; }
  .gb-table td, .gb-table td.gb-figure { display: flex; justify-content: space-between; gap: .8rem; border: 0;
    padding: .15rem 0; text-align: right; }
  .gb-table td::before { content: attr(data-label); color: var(--gb-quiet); font-size: .76rem; text-align: left;
    flex: 0 0 34%; }
  .gb-table tr:hover td { background: none; }
  .gb-bar { min-width: 150px; }
}
"""


@dataclass(frozen=True)
class Cell:
    """The HTML of a table's cell, made by the functions of this module; `figure` aligns it to the right."""

    html: str
    figure: bool = False
    tip: str = ""


@dataclass(frozen=True)
class Heading:
    """A column's heading, what it means, and the address that sorts by it (none: no link)."""

    label: str
    tip: str = ""
    figure: bool = False
    link: str = ""


def style() -> str:
    """The rules for the reader's theme, as a style element."""
    return f"<style>:root {{{_DARK if theme.is_dark() else _LIGHT}}}{_RULES}</style>"


def style_of_copy() -> str:
    """The rules for a page of the static copy, which follows the reader's system."""
    return f":root {{{_LIGHT}}} @media (prefers-color-scheme: dark) {{ :root {{{_DARK}}} }}{_RULES}"


def text(value: object) -> str:
    """A text from data: nothing in it is read as HTML, and hidden characters are shown as escapes."""
    return escape(wording.visible(value), quote=True)


def anchor(label: str, address: str) -> str:
    """A link with an escaped label; an address that could run code becomes the label alone."""
    if urlsplit(address).scheme not in ("", "http", "https"):
        return text(label)
    return f'<a href="{escape(address, quote=True)}" target="_self">{text(label)}</a>'


def plain(value: object, *, figure: bool = False, tip: str = "") -> Cell:
    """A cell with a text from data."""
    return Cell(text(value), figure=figure, tip=tip)


def two_lines(first: str, second: str, tip: str = "") -> Cell:
    """A figure with its interval below it."""
    below = f'<div class="gb-small">{text(second)}</div>' if second not in ("", "–") else ""
    return Cell(f"<div>{text(first)}{below}</div>", figure=True, tip=tip)


def bar(figure: str, interval: str, places: tuple[float, float, float] | None, tip: str = "") -> Cell:
    """A figure, its interval in words, and both drawn on a scale; `places` are low, figure, high as shares of it."""
    drawn = ""
    if places is not None:
        low, at, high = (min(1.0, max(0.0, place)) for place in places)
        drawn = (
            f'<div class="gb-bar"><div class="gb-span" style="left:{100 * low:.1f}%;'
            f'width:{100 * (high - low):.1f}%"></div><div class="gb-dot" style="left:{100 * at:.1f}%"></div></div>'
        )
    return Cell(f'<div>{text(figure)} <span class="gb-small">{text(interval)}</span>{drawn}</div>', tip=tip)


def marks(words: Iterable[tuple[str, str, str]]) -> Cell:
    """Verdicts, each as (word with its icon, tone, tip); a tone is `good`, `bad` or `none`."""
    said = "".join(
        f'<span class="gb-{tone}" title="{text(tip)}">{text(word)}</span>' for word, tone, tip in words
    )
    return Cell(f'<div class="gb-marks">{said}</div>')


def table(
    headings: Sequence[Heading], rows: Iterable[Sequence[Cell]], *, grey: Iterable[bool] = (), name: str
) -> str:
    """A table; the rows for which `grey` holds are not ranked. `name` is what it is called to a screen reader."""
    head = "".join(_heading(one) for one in headings)
    body = []
    shades = list(grey)
    for place, cells in enumerate(rows):
        shade = ' class="gb-grey"' if place < len(shades) and shades[place] else ""
        inside = "".join(_cell(heading, cell) for heading, cell in zip(headings, cells, strict=True))
        body.append(f"<tr{shade}>{inside}</tr>")
    return (
        f'<table class="gb-table" aria-label="{text(name)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _heading(one: Heading) -> str:
    label = anchor(one.label, one.link) if one.link else text(one.label)
    shape = ' class="gb-figure"' if one.figure else ""
    return f'<th scope="col"{shape} title="{text(one.tip)}">{label}</th>'


def _cell(heading: Heading, cell: Cell) -> str:
    shape = ' class="gb-figure"' if cell.figure else ""
    tip = f' title="{text(cell.tip)}"' if cell.tip else ""
    return f'<td{shape}{tip} data-label="{text(heading.label)}">{cell.html}</td>'


@dataclass(frozen=True)
class Card:
    """A small card: a question, the answer in a word with its tone, a figure, and where to read more."""

    ask: str
    verdict: str
    tone: str
    note: str
    link: str
    tip: str = ""
    more: str = "How it is decided"


def cards(given: Iterable[Card]) -> str:
    """Cards side by side, as many in a row as fit."""
    drawn = "".join(
        f'<a class="gb-card" href="{escape(one.link, quote=True)}" target="_self" title="{text(one.tip)}">'
        f'<div class="gb-ask">{text(one.ask)}</div><div class="gb-verdict gb-{one.tone}">{text(one.verdict)}</div>'
        f'<div class="gb-note">{text(one.note)}</div><span class="gb-more">{text(one.more)}</span></a>'
        for one in given
    )
    return f'<div class="gb-cards">{drawn}</div>'
