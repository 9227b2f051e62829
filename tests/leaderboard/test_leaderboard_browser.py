"""The leaderboard in headless Chromium on the committed results: pages, filters, links, downloads, narrow and dark."""

import asyncio
import io
import json
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlparse

import pandas as pd
import pytest
from PIL import Image
from places import PAGES, RESULTS

from leaderboard.measure.browser import Server, serving, settle
from leaderboard.measure.readers import PageError, crowd, reading

pytestmark = pytest.mark.browser
Found = TypeVar("Found")
KEY = ["model", "arm", "corpus"]
CONTRAST = """() => {
    const channels = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b]
        .map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const over = (top, below) => {
        const a = top.length > 3 ? top[3] : 1;
        return [0, 1, 2].map((i) => top[i] * a + below[i] * (1 - a));
    };
    const behind = (element) => {
        const found = [];
        for (let at = element; at; at = at.parentElement) found.push(channels(getComputedStyle(at).backgroundColor));
        return found.reverse().reduce((below, top) => (top.length < 3 ? below : over(top, below)), [255, 255, 255]);
    };
    const poor = [];
    const main = document.querySelector('[data-testid="stMain"]');
    for (const element of main.querySelectorAll(
        'h1, h2, h3, p, li, label, code, [data-tag] span, td, th, .gb-card *, .gb-marks *'
    )) {
        if (!element.innerText || !element.innerText.trim() || !element.offsetParent) continue;
        const ground = behind(element), style = getComputedStyle(element);
        const ink = over(channels(style.color), ground);
        const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.tagName} ${element.innerText.slice(0, 40)}`);
    }
    return poor;
}"""
"""Words whose contrast with what lies behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3)."""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page that notes what its console calls an error."""
    yield from watched(browser.new_page())


@pytest.fixture
def narrow_dark_page(browser: Any) -> Iterator[Any]:
    """The same in dark colours, as wide as a telephone."""
    context = browser.browser.new_context(color_scheme="dark", viewport={"width": 400, "height": 800})
    yield from watched(context.new_page())
    context.close()


def watched(opened: Any) -> Iterator[Any]:
    opened.set_default_timeout(90_000)  # a busy machine is not a broken page
    opened.errors = []
    opened.on(
        "console",
        lambda said: opened.errors.append(f"{said.text} {said.location}") if said.type == "error" else None,
    )
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def ranked() -> pd.DataFrame:
    """The committed ranking in the page's order, with the set of each entry's verdicts against larger models."""
    entries = pd.read_csv(RESULTS / "micro" / "entries.csv").query("row_kind == 'entry'")
    rungs = pd.read_csv(RESULTS / "micro" / "comparisons.csv").query(
        "baseline_kind == 'rung' and scope == 'all'"
    )
    if "measure" in rungs:
        rungs = rungs[rungs["measure"] == "score"]
    found = rungs.groupby(KEY)["verdict"].agg(set)
    verdicts = [found.get(key, set()) for key in entries[KEY].itertuples(index=False, name=None)]
    curves = pd.read_csv(RESULTS / "micro" / "curves.csv").query("step > 0")
    steps = curves.groupby(KEY)["step"].nunique()
    one_step = [steps[key] == 1 for key in entries[KEY].itertuples(index=False, name=None)]
    entries.loc[one_step, "optimism"] = None  # nothing to choose from
    few = entries["conditional"] == "texts and draws" if "conditional" in entries else entries["n_runs"] < 3
    entries = entries.assign(verdicts=verdicts, few=few, other=entries["arm"] != "gap")
    return entries.sort_values(
        ["few", "other", "gain_all"], ascending=[True, True, False], kind="stable", ignore_index=True
    )


def show(page: Any, server: Server, name: str, query: str = "") -> None:
    page.goto(f"{server.url}/{'' if name == 'answer' else name}{query}")
    settle(page, timeout=90)


def own_errors(page: Any) -> list[str]:
    """Console errors except Streamlit's own search for its server's root below a page's address."""
    return [error for error in page.errors if "/_stcore/" not in error]


def query(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlparse(page.evaluate("location.href")).query)


def download(page: Any, table: str, label: str) -> bytes:
    with page.expect_download() as held:
        page.locator(f".st-key-{label.lower()}-{table}").get_by_role("button", name=label).click()
    return Path(held.value.path()).read_bytes()


def wait_for_count(page: Any, kept: int, of: int) -> None:
    """Wait until the words above the ranking tell this number of rows."""
    page.get_by_text(f"{kept} of {of} entries").wait_for()


def wait_for_address(page: Any, key: str, values: list[str]) -> None:
    page.wait_for_function(
        "([key, values]) => `${new URLSearchParams(location.search).getAll(key)}` === `${values}`",
        arg=[key, values],
    )


def choose(page: Any, key: str, word: str) -> None:
    """Pick an option of one of the ranking's filters with the mouse.

    Scrolled to first, as a reader would: a list of options closes when the page scrolls, and a driver's click scrolls
    in the same moment.
    """
    field = page.locator(f".st-key-answer-{key} [role=combobox]")
    field.evaluate(
        """field => new Promise(rest => {
            field.scrollIntoView({block: 'center'});
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(rest, 100)));
        })"""
    )
    field.click()
    page.locator("[role=option]").filter(has_text=word).first.click()
    page.keyboard.press("Escape")


def test_every_page_opens_without_an_error(page: Any, server: Server) -> None:
    for name in PAGES:
        show(page, server, name)
        assert page.locator('[data-testid="stException"]').count() == 0, name
        assert page.locator("h1").count() == 1, name
        assert page.get_by_role("link", name="Reproducibility").count() >= 1, f"{name} has no bar"
        assert page.evaluate(CONTRAST) == [], name
    assert own_errors(page) == []
    assert server.errors() == []


def test_a_narrow_dark_screen_reads_well_and_has_no_sideways_scroll(
    narrow_dark_page: Any, server: Server
) -> None:
    page = narrow_dark_page
    for name in PAGES:
        show(page, server, name)
        widths = page.evaluate(
            """() => { const main = document.querySelector('[data-testid="stMain"]');
            return [document.documentElement.scrollWidth, main.scrollWidth, main.clientWidth]; }"""
        )
        assert widths[0] <= 400 and widths[1] <= widths[2], f"{name}: {widths}"
        ground = page.evaluate(
            "getComputedStyle(document.querySelector('[data-testid=\"stApp\"]')).backgroundColor"
        )
        assert max(map(int, ground.strip("rgba()").split(",")[:3])) < 64, f"{name} is not dark: {ground}"
        assert page.evaluate(CONTRAST) == [], name
    assert own_errors(page) == []


def test_every_filter_changes_table_and_address(page: Any, server: Server, ranked: pd.DataFrame) -> None:
    show(page, server, "answer")
    wait_for_count(page, len(ranked), len(ranked))
    fits = {key: {v: ranked[c].eq(v) for v in ranked[c].unique()} for key, c in zip(KEY, KEY, strict=True)}
    fits["verdict"] = {
        v: ranked["verdicts"].map(lambda found, v=v: v in found)
        for v in ("superior", "comparable", "inferior", "inconclusive")
    }
    fits["state"] = {v: ranked["verification"].eq(v) for v in ("self-reported", "reproduced", "flagged")}
    for key, options in fits.items():
        value, kept = min(options.items(), key=lambda option: abs(2 * option[1].sum() - len(ranked)))
        choose(page, key, value)
        wait_for_count(page, int(kept.sum()), len(ranked))
        wait_for_address(page, key, [value])
        page.locator(f".st-key-answer-{key}").get_by_role("button", name="Clear all").click()
        wait_for_count(page, len(ranked), len(ranked))
        wait_for_address(page, key, [])
    assert server.errors() == []


def test_an_address_restores_filters_and_the_download_holds_the_table(
    page: Any, server: Server, ranked: pd.DataFrame
) -> None:
    model, corpus = ranked["model"].iloc[-1], ranked["corpus"].iloc[0]
    show(page, server, "answer", "?cols=model&cols=corpus&cols=score_all&cols=optimism")
    choose(page, "model", model)
    choose(page, "corpus", corpus)
    kept = ranked[(ranked["model"] == model) & (ranked["corpus"] == corpus)]
    wait_for_count(page, len(kept), len(ranked))
    wait_for_address(page, "corpus", [corpus])
    address = page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(address)
    settle(page, timeout=90)
    wait_for_count(page, len(kept), len(ranked))
    expected = kept[["model", "corpus", "score_all", "optimism"]].reset_index(drop=True)
    assert len(expected) > 0
    pd.testing.assert_frame_equal(
        pd.read_csv(io.BytesIO(download(page, "ranking", "CSV"))), expected, check_exact=True
    )
    parquet = pd.read_parquet(io.BytesIO(download(page, "ranking", "Parquet")))
    pd.testing.assert_frame_equal(parquet, expected, check_exact=True, check_dtype=False)


def test_the_first_screen_holds_answer_cards_and_picture(page: Any, server: Server) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    show(page, server, "answer")
    chart = page.locator('[data-testid="stVegaLiteChart"]').first
    chart.locator("canvas, svg").first.wait_for()
    bottom = chart.bounding_box()
    assert bottom["y"] + bottom["height"] <= 800, "the picture is below the fold"
    assert page.locator(".gb-card").count() == 5
    assert max(box["y"] + box["height"] for box in map(_box, page.locator(".gb-card").all())) < bottom["y"]
    assert page.locator("h2").first.evaluate("one => one.getClientRects().length") == 1


def _box(element: Any) -> dict[str, float]:
    return element.bounding_box()


def test_the_ranking_is_whole_on_a_desk_and_cards_on_a_telephone(page: Any, server: Server) -> None:
    show(page, server, "answer")
    table = page.locator(".gb-table").first
    assert table.evaluate("one => one.scrollWidth <= one.parentElement.clientWidth + 1")
    cut = """one => [...one.querySelectorAll('td, td *')]
        .filter(cell => cell.clientWidth && cell.scrollWidth > cell.clientWidth + 1).length"""
    assert table.evaluate(cut) == 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert table.locator("thead").is_hidden()
    row = table.locator("tbody tr").first
    assert row.evaluate("one => getComputedStyle(one).display") == "block"
    assert row.evaluate("one => one.scrollWidth <= one.clientWidth + 1")


def test_a_heading_sorts_by_mouse_and_by_keyboard(page: Any, server: Server, ranked: pd.DataFrame) -> None:
    show(page, server, "answer")
    assert ranked["gain_all"].nunique() > 1
    page.locator(".gb-table th a", has_text="Gain").click()
    wait_for_address(page, "sort", ["gain_line"])
    settle(page, timeout=90)
    first = ranked.sort_values("gain_all", ascending=False).iloc[0]
    cells = page.locator(".gb-table tbody tr").first.inner_text()
    assert first["model"] in cells and first["corpus"] in cells
    page.locator(".gb-table th a", has_text="Gain").focus()
    page.keyboard.press("Enter")
    wait_for_address(page, "desc", ["0"])
    settle(page, timeout=90)
    last = ranked.sort_values("gain_all").iloc[0]
    cells = page.locator(".gb-table tbody tr").first.inner_text()
    assert last["model"] in cells and last["corpus"] in cells


def test_a_point_of_the_picture_opens_its_entry_and_hovering_tells_its_figures(
    page: Any, server: Server
) -> None:
    show(page, server, "answer")
    chart = page.locator('[data-testid="stVegaLiteChart"]').first
    chart.locator("canvas, svg").first.wait_for()
    page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(chart.screenshot())).convert("RGB")
    place = chart.bounding_box()
    accent = [
        (x, y)
        for x in range(0, picture.width, 2)
        for y in range(0, picture.height, 2)
        if picture.getpixel((x, y)) == (0x1F, 0x5F, 0xA8)
        and all(picture.getpixel((x + d, y)) == (0x1F, 0x5F, 0xA8) for d in (-3, 3))
    ]
    x, y = (place[side] + accent[0][at] for at, side in enumerate(("x", "y")))
    page.mouse.move(x, y)
    page.locator("#vg-tooltip-element").get_by_text("Treated model").wait_for()
    page.mouse.click(x, y)
    page.wait_for_url("**/entry?*model=*")


def test_a_card_leads_to_its_claim_and_a_model_to_its_entry(page: Any, server: Server) -> None:
    show(page, server, "answer")
    page.locator(".gb-card").nth(2).click()
    page.wait_for_function(
        """() => { const seen = document.querySelector('#claim-3').getBoundingClientRect();
        return seen.top >= 0 && seen.top < innerHeight; }"""
    )
    page.locator(".gb-table td a").first.click()
    page.wait_for_url("**/entry?*")
    settle(page, timeout=90)
    assert page.locator("h1").inner_text() == "Entry"


def test_rungs_and_controls_join_the_table(page: Any, server: Server, ranked: pd.DataFrame) -> None:
    show(page, server, "answer", "?reference=1")
    everything = len(pd.read_csv(RESULTS / "micro" / "entries.csv"))
    assert page.locator(".gb-table").first.locator("tbody tr").count() == everything
    assert page.locator(".gb-table tr.gb-grey").count() == everything - len(ranked)


def test_pictures_and_tables_are_saved_in_other_formats(page: Any, server: Server) -> None:
    show(page, server, "answer")
    assert download(page, "score-against-size", "SVG").startswith(b"<svg")
    assert download(page, "score-against-size", "PNG").startswith(b"\x89PNG")
    assert b"\\begin{tabular}" in download(page, "ranking", "LaTeX")
    assert download(page, "ranking", "Markdown").startswith(b"| ranks | model |")


def test_the_track_is_a_filter_too(page: Any, server: Server) -> None:
    show(page, server, "answer")
    choose(page, "track", "published")
    wait_for_address(page, "track", ["published"])
    entries = pd.read_csv(RESULTS / "published" / "entries.csv").query("row_kind == 'entry'")
    wait_for_count(page, len(entries), len(entries))


def test_the_keyboard_alone_filters(page: Any, server: Server, ranked: pd.DataFrame) -> None:
    show(page, server, "answer")
    corpus, model = ranked["corpus"].iloc[0], ranked["model"].iloc[0]
    found = ranked["corpus"].str.contains(corpus, regex=False)
    tab_to(page, "q")
    page.keyboard.type(corpus)
    page.keyboard.press("Enter")
    wait_for_count(page, int(found.sum()), len(ranked))
    tab_to(page, "model")
    page.keyboard.type(model)
    page.locator("[role=option]").first.wait_for()
    page.keyboard.press("Enter")
    wait_for_count(page, int((found & ranked["model"].eq(model)).sum()), len(ranked))
    wait_for_address(page, "model", [model])
    page.keyboard.press("Backspace")
    wait_for_count(page, int(found.sum()), len(ranked))


def tab_to(page: Any, key: str) -> None:
    """Press Tab until one of the ranking's filters has the focus."""
    reached = "(key) => document.activeElement.matches(`.st-key-answer-${key} input`)"
    for _ in range(80):
        if page.evaluate(reached, key):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{key} cannot be reached by Tab")


def test_the_bar_and_the_step_back_keep_the_view(page: Any, server: Server, ranked: pd.DataFrame) -> None:
    model, corpus = ranked["model"].iloc[-1], ranked["corpus"].iloc[-1]
    show(page, server, "entry", f"?model={model}&corpus={corpus}")
    assert model in page.get_by_text("treated with").first.inner_text()
    page.get_by_role("link", name="Its documents").click()
    page.wait_for_url("**/documents?*")
    settle(page)
    assert query(page)["model"] == [model] and query(page)["corpus"] == [corpus]
    page.go_back()
    page.wait_for_url("**/entry?*")
    settle(page)
    assert query(page)["corpus"] == [corpus]
    assert model in page.get_by_text("treated with").first.inner_text()


def test_what_opens_by_a_click_is_in_the_address(page: Any, server: Server) -> None:
    claims = json.loads((RESULTS / "micro" / "claims.json").read_text(encoding="utf-8"))["claims"]
    figures = f"figures{[claim['id'] for claim in claims].index('C2') + 1}"
    page.set_default_timeout(12_000)  # what is not there is not waited for as long as a page
    show(page, server, "answer")
    page.get_by_text("See where it differs (C2)").click()
    wait_for_address(page, figures, ["1"])
    chart = page.locator(f".st-key-answer-{figures} [data-testid=stVegaLiteChart]")
    chart.wait_for()
    page.goto(page.evaluate("location.href"))
    chart.wait_for()


def apart(work: Coroutine[Any, Any, Found]) -> Found:
    """What `work` gives, in a thread of its own: Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_ten_readers_at_once_meet_no_error(server: Server) -> None:
    async def read() -> list[float]:
        async with crowd(server.url, 10, (0.0, 0.4), ["code", "gap micro-1", "micro-2 seen"]) as waits:
            await asyncio.sleep(2)
        return waits

    assert len(apart(read())) >= 10
    assert server.errors() == []


def test_a_reader_notices_a_filter_that_filters_nothing(server: Server) -> None:
    async def read() -> None:
        async with reading(server.url) as reader:
            await reader.filter("micro")

    with pytest.raises(PageError, match="shows the same"):
        apart(read())


def test_a_chart_is_saved_as_png(page: Any, server: Server) -> None:
    show(page, server, "entry")
    page.locator('[data-testid="stVegaLiteChart"]').first.locator("canvas, svg").first.wait_for()
    button = page.get_by_role("button", name="Download as PNG").first
    button.focus()  # the toolbar shows itself to the keyboard as to the mouse
    with page.expect_download() as held:
        page.keyboard.press("Enter")
    assert Path(held.value.path()).read_bytes().startswith(b"\x89PNG")


def test_hostile_names_are_shown_as_text(page: Any, hostile: Path, tmp_path: Path) -> None:
    with serving(hostile, tmp_path / "log") as strange:
        for name in ("answer", "entry", "compare", "documents", "corpora"):
            show(page, strange, name)
            assert page.title() != "owned", name
            assert page.locator("main img[src='x'], [data-testid='stMain'] img[src='x']").count() == 0, name
            assert page.locator("[data-testid='stMain'] script").count() == 0, name
            assert page.locator("[data-testid='stMain'] a[href^='javascript']").count() == 0, name
            assert page.locator("[data-testid='stMain'] .katex").count() == 0, name
            if name == "entry":
                assert page.get_by_text(":material/home:").count() >= 1
        assert strange.errors() == []
    assert own_errors(page) == []
