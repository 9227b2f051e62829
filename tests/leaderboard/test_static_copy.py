"""`gapbench site`: plain pages with the same figures, every text escaped, every link leading somewhere."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from html_tables import html_table

from benchmark.errors import InputError
from leaderboard.display import wording
from leaderboard.export.html_page import file_name, folder_name
from leaderboard.export.static_copy import write_site
from leaderboard.measure.made_track import MadeTrack

APP = "http://leaderboard.example:8501"
LETTERS = "<script>document.title='owned'</script>"


class _Tags(HTMLParser):
    """The elements of a page, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "xlink:href")]
        self.names |= {value or "" for name, value in attrs if name == "id"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Results with hostile names, and the copy of them."""
    folder = tmp_path_factory.mktemp("static")
    names = {"micro-200k": LETTERS, "code": "../../etc/passwd", "gap": "**bold** & \u202e <b>"}
    made = MadeTrack(
        texts=3,
        documents=6,
        arms=("gap", "random"),
        corpora=("code", "seen"),
        models=("micro-70k", "micro-200k"),
        names=names,
        controls_hold=None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAPBENCH_RESULTS", "")
        made.write(folder / "results")
        write_site(folder / "out", folder / "results", APP)
    return folder / "results", folder / "out"


def test_every_entry_has_a_page_and_no_file_leaves_the_folder(site: tuple[Path, Path]) -> None:
    results, out = site
    entries = pd.read_csv(results / "micro" / "entries.csv").query("row_kind != 'rung'")
    keys = entries[["model", "arm", "corpus"]].itertuples(index=False, name=None)
    assert {path.name for path in (out / "micro").iterdir()} == {"index.html", *map(file_name, keys)}
    assert len({path.name for path in (out / "micro").iterdir()}) == len(entries) + 1
    assert folder_name("../x") != "../x" and "/" not in folder_name("../x")


def test_nothing_from_data_is_an_element(site: tuple[Path, Path]) -> None:
    for path in site[1].rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        found = _Tags(html)
        assert not found.tags & {"script", "img", "b", "iframe", "object", "form"}, path.name
        assert not any(name.startswith("on") for name in found.attributes), path.name
        assert "\u202e" not in html and "default-src 'none'" in html
    pages = "".join(path.read_text(encoding="utf-8") for path in site[1].rglob("*.html"))
    assert "&lt;script&gt;" in pages and "&lt;b&gt;" in pages


def test_every_link_leads_to_a_page_of_the_copy_or_to_the_app(site: tuple[Path, Path]) -> None:
    app = 0
    for path in site[1].rglob("*.html"):
        found = _Tags(path.read_text(encoding="utf-8"))
        for link in found.links:
            if link.startswith(f"{APP}/"):
                app += 1
            elif link.startswith("#"):
                assert link[1:] in found.names, link
            else:
                assert (path.parent / unquote(urlsplit(link).path)).is_file(), (path.name, link)
    assert app > 4


def test_the_ranking_is_that_of_the_tables(site: tuple[Path, Path]) -> None:
    results, out = site
    html = (out / "micro" / "index.html").read_text(encoding="utf-8")
    shown = html_table(html, "Ranking of treated models")
    stored = (
        pd.read_csv(results / "micro" / "entries.csv")
        .query("row_kind != 'control'")
        .sort_values("score_all", ascending=False, kind="stable")
    )
    for said, row in zip(shown["Score, 95 % interval"], stored.itertuples(), strict=True):
        places = wording.decimals(row.score_all_low, row.score_all_high)
        assert said.split()[0] == wording.number(row.score_all, min(4, places))
    assert html.count("<svg") == 3, "the picture, gains by task, all pairs"


def test_an_entry_s_page_has_its_comparisons_and_the_text_of_its_best_run(site: tuple[Path, Path]) -> None:
    results, out = site
    row = (
        pd.read_csv(results / "micro" / "entries.csv")
        .query("row_kind == 'entry' and corpus == 'seen'")
        .iloc[0]
    )
    html = (out / "micro" / file_name((row["model"], row["arm"], row["corpus"]))).read_text(encoding="utf-8")
    shown = html_table(html, "Comparisons")
    stored = pd.read_csv(results / "micro" / "comparisons.csv")
    own = stored[
        (stored["model"] == row["model"]) & (stored["arm"] == row["arm"]) & (stored["corpus"] == "seen")
    ]
    assert len(shown) == len(own.query("scope == 'all' and measure == 'score'"))
    assert "return '<b>seen</b>'" in unescape(re.sub(r"<[^>]*>", "", html))


def test_a_site_is_refused_with_one_line_and_nothing_is_written(
    site: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAPBENCH_RESULTS", "")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="--force"):
        write_site(tmp_path / "full", site[0])
    with pytest.raises(InputError, match="no track has results"):
        write_site(tmp_path / "new", tmp_path / "full")
    with pytest.raises(InputError, match="not an http address"):
        write_site(tmp_path / "new", site[0], "javascript:alert(1)")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
