"""The frame of a page of the static copy, its pictures, and the addresses of its pages."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from leaderboard.display import charts, picture_files, plain_html, theme
from leaderboard.site.state import relative_link

Key = tuple[str, str, str]
TRACK_PAGE = "index.html"
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_PAGE = """
body { font-family: system-ui, sans-serif; max-width: 1120px; margin: 0 auto; padding: 1rem; line-height: 1.45;
  background: var(--gb-ground); color: var(--gb-ink); }
h1 { font-size: 1.7rem; margin: .4rem 0; } h2 { font-size: 1.25rem; margin: 2rem 0 .6rem; }
.answer { font-size: 1.15rem; font-weight: 700; margin: .3rem 0; }
.note, footer { color: var(--gb-quiet); font-size: .85rem; }
a { color: var(--gb-accent); }
figure { margin: 0; } svg { max-width: 100%; min-width: 640px; height: auto; }
pre { background: var(--gb-soft); padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
:root { --gb-ground: #ffffff; --gb-ink: #1b2430; }
@media (prefers-color-scheme: dark) { :root { --gb-ground: #12171f; --gb-ink: #e8edf3; } }
"""


@dataclass(frozen=True)
class Links:
    """Addresses of the copy's own pages, and of the app's views if the copy knows where the app runs.

    Called as `relative_link` is: `links("entry", track=..., model=..., arm=..., corpus=...)`.
    """

    app: str = ""
    up: str = ""
    """The way from the page to its track's folder."""

    def __call__(self, page: str, /, **parameters: Any) -> str:
        """An entry's own page; other views lead to the app, or to the entry's page where no app is named."""
        if page != "entry" and self.app:
            return self.in_app(page, **parameters)
        if {"model", "arm", "corpus"} <= set(parameters):
            return f"{self.up}{file_name((parameters['model'], parameters['arm'], parameters['corpus']))}"
        return f"{self.up}{TRACK_PAGE}"

    def in_app(self, page: str, **parameters: Any) -> str:
        """The same view in the app."""
        return f"{self.app.rstrip('/')}/{relative_link(page, **parameters).removeprefix('./')}"


def file_name(key: Key) -> str:
    """The file of an entry: its name, and a digest of it where the name is not safe as a file's."""
    plain = "--".join(_SAFE.sub("-", part)[:40].strip(".-") or "x" for part in key)
    if plain == "--".join(key):
        return f"{plain}.html"
    return f"{plain}-{hashlib.sha256('/'.join(key).encode()).hexdigest()[:8]}.html"


def folder_name(track: str) -> str:
    """The folder of a track."""
    safe = _SAFE.sub("-", track).strip(".-") or "track"
    return safe if safe == track else f"{safe}-{hashlib.sha256(track.encode()).hexdigest()[:8]}"


def address(path: str) -> str:
    """A relative path as an address."""
    return quote(path)


def picture(chart: Any, about: str, *, follows_theme: bool = True) -> str:
    """The chart as inline SVG, its colours as variables that follow the reader's system."""
    drawn = picture_files.svg(charts.finished(chart), width=920)
    if follows_theme:
        for place, (light, _) in enumerate(COLOURS):
            drawn = re.sub(f'"{light}"', f'"var(--c{place})"', drawn, flags=re.IGNORECASE)
    return f'<figure class="wide" role="img" aria-label="{plain_html.text(about)}">{drawn}</figure>'


def _colours() -> list[tuple[str, str]]:
    """Each colour of the charts on a light ground with the one that takes its place on a dark ground."""
    found = []
    for dark in (False, True):
        with theme.drawn_for(dark=dark):
            found.append([*charts.palette(), charts.quiet(), charts.ink(), picture_files.GROUND[dark]])
    return list(dict(zip(*found, strict=True)).items())


COLOURS = _colours()


def whole(title: str, body: str, *, home: str) -> str:
    """A whole page; `title` is escaped here, `body` is HTML made by this package."""
    light = "".join(f"--c{place}:{one};" for place, (one, _) in enumerate(COLOURS))
    dark = "".join(f"--c{place}:{one};" for place, (_, one) in enumerate(COLOURS))
    variables = f":root {{{light}}} @media (prefers-color-scheme: dark) {{ :root {{{dark}}} }}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">'
        f"<title>{plain_html.text(title)}</title>"
        f"<style>{plain_html.style_of_copy()}{_PAGE}{variables}</style></head><body>"
        f'<nav class="note"><a href="{home}">GAPbench</a></nav><main>{body}</main></body></html>\n'
    )


def paragraph(words: str, style: str = "") -> str:
    """A paragraph with escaped words."""
    shape = f' class="{style}"' if style else ""
    return f"<p{shape}>{plain_html.text(words)}</p>"


def heading(words: str, name: str = "") -> str:
    """A heading with escaped words; `name` is its place in the page's address."""
    place = f' id="{name}"' if name else ""
    return f"<h2{place}>{plain_html.text(words)}</h2>"


def code(words: str) -> str:
    """A text as it is, line breaks kept."""
    from leaderboard.display import wording

    return f"<pre>{plain_html.escape(wording.visible(words, keep=chr(10) + chr(9)))}</pre>"


def unmarked(words: str) -> str:
    """A sentence of ours without its Markdown."""
    return words.replace("**", "").replace("`", "").replace("*", "")
