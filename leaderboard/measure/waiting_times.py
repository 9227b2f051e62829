"""`gapbench bench leaderboard`: how long readers wait on a large made results folder, as a printed table.

900 runs, 3 steps, 12 tasks and 10 million document rows; times are seconds on the browser's own clock, from the
address, the click or the key press to the page at rest.
"""

import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmark.system.files import write_text
from leaderboard.measure.browser import AT_REST, FLAGS, Server, chromium, serving
from leaderboard.measure.made_track import MadeTrack
from leaderboard.measure.readers import crowd, reading

CORPORA = ["code", "seen", "unseen"]
MODELS = ("micro-70k", "micro-200k", "micro-600k")
ENTRIES = [(model, corpus) for model in MODELS for corpus in CORPORA]
SEARCHES = [f"gap {corpus} 600k" for corpus in CORPORA]
PAUSES = [(1, 3), (4, 12), (0.5, 1.5)]
"""Seconds that a reader looks at the page before changing the filter again."""
FILTERED = """(whole) => {
    const seen = () => {
        const app = document.querySelector('[data-testid="stApp"]');
        const counts = [...document.querySelectorAll('[data-testid="stCaptionContainer"]')]
            .map((one) => /^(\\d+) of (\\d+) entr/.exec(one.textContent)).find((one) => one);
        return counts && (counts[1] === counts[2]) === whole
            && app.getAttribute('data-test-script-state') === 'notRunning';
    };
    let started = null, asked = false;
    document.addEventListener('keydown', () => { started = performance.now(); }, {once: true, capture: true});
    window.filtered = new Promise((done) => {
        const look = () => {
            asked = false;
            if (started === null || !seen()) return;
            observer.disconnect();
            done((performance.now() - started) / 1000);
        };
        const observer = new MutationObserver(() => { if (!asked) { asked = true; requestAnimationFrame(look); } });
        observer.observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
        document.addEventListener('keyup', look, {once: true});
    });
}"""
"""From the press of the key to the table's new count and the page at rest, seconds on the page's clock.

Looks once per drawn frame: searching the page without a pause would take a third of the filter's own time.
"""
BOUNDS = {"first view": 2.0, "filter": 0.5, "documents": 1.0}


def run_waiting_times(
    texts: int, documents: int, readers: int, repeats: int, results: Path | None, out: Path | None
) -> None:
    """Serve ``results`` or made ones, measure, print, and write the figures to ``out`` where it is given."""
    with tempfile.TemporaryDirectory() as folder:
        shown = results or _make(Path(folder), texts, documents)
        with serving(shown, Path(folder) / "log", seconds=180) as server:
            found = asyncio.run(_measure(server, readers, repeats, chromium()))
    for name, value in found.items():
        bound = f"   bound {BOUNDS[name]} s" if name in BOUNDS else ""
        print(
            f"{name:68s} {value:>10.3f}{bound}" if isinstance(value, float) else f"{name:68s} {value!s:>12}"
        )
    if out:
        write_text(out, json.dumps(found, indent=1) + "\n")


def _make(folder: Path, texts: int, documents: int) -> Path:
    """Few documents are scored; copies of them, with other numbers, make up the rest."""
    copies = -(-documents // MadeTrack.documents)
    MadeTrack(texts=texts, models=MODELS, corpora=tuple(CORPORA), controls_hold=None, copies=copies).write(
        folder
    )
    return folder


async def _measure(server: Server, readers: int, repeats: int, path: str | None) -> dict[str, Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = await _reader(browser)
        cold = await _open(page, server, "")
        await _open(page, server, "documents")
        found: dict[str, Any] = {"first view, cold server (s)": cold}
        found["first view"] = await _median(repeats, lambda n: _open(page, server, ""))
        found["filter"] = await _median(repeats, lambda n: _filter(page, CORPORA[n % 3]))
        found["documents"] = await _median(
            repeats, lambda n: _follow(page, server, ENTRIES[n % len(ENTRIES)])
        )
        texts = [f"{CORPORA[n % 3]}-{n + 1:04d}" for n in range(repeats)]
        found["documents, by its address"] = await _median(
            repeats,
            lambda n: _open(page, server, f"documents?arm=gap&corpus={CORPORA[n % 3]}&text={texts[n]}"),
        )
        found["documents, next page"] = await _next_page(page)
        found["a page without data, by its address"] = await _median(
            repeats, lambda n: _open(page, server, "submit")
        )
        found["server memory, peak (MB)"] = _peak(server.pid)
        await _open(page, server, "")
        one = await _visit(page, 0, 2 * repeats, (0.3, 0.6))
        found["one reader"] = statistics.median(one)
        found["one reader, quartiles"] = _quartiles(one)
        found |= await _beside_protocol_readers(page, server, readers, 2 * repeats, statistics.median(one))
        pages = [page, *[await _reader(browser) for _ in range(readers - 1)]]
        await asyncio.gather(*(_open(each, server, "") for each in pages))
        for pause in PAUSES:
            many = await asyncio.gather(
                *(_visit(each, number, repeats, pause) for number, each in enumerate(pages))
            )
            said = f"{readers} browsers, {pause[0]} to {pause[1]} s apart"
            found |= _compared(said, [wait for each in many for wait in each], statistics.median(one))
        found["server memory with all readers (MB)"] = _peak(server.pid)
        found["errors in the log"] = len(server.errors())
        await browser.close()
    return found


async def _reader(browser: Any) -> Any:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(60_000)
    return page


async def _median(repeats: int, act: Callable[[int], Awaitable[float]]) -> float:
    return statistics.median([await act(number) for number in range(repeats)])


async def _open(page: Any, server: Server, address: str) -> float:
    started = time.perf_counter()
    await page.goto(f"{server.url}/{address}")
    await page.wait_for_function(AT_REST)
    return time.perf_counter() - started


async def _follow(page: Any, server: Server, entry: tuple[str, str]) -> float:
    """From an entry's page to its documents, which were not read before."""
    await _open(page, server, f"entry?model={entry[0]}&arm=gap&corpus={entry[1]}")
    link = page.get_by_role("link", name="Its documents")
    await link.scroll_into_view_if_needed()
    started = time.perf_counter()
    await link.click()
    await page.get_by_text("the treated run scores better").wait_for()
    await page.wait_for_function(AT_REST)
    return time.perf_counter() - started


async def _beside_protocol_readers(
    page: Any, server: Server, readers: int, repeats: int, one: float
) -> dict[str, Any]:
    """A browser that filters while all other readers send requests as if from their own machines."""
    async with reading(server.url) as alone:
        asked = [await alone.filter(words) for n in range(repeats) for words in (SEARCHES[n % 3], "")]
    found: dict[str, Any] = {"one reader, server's share": statistics.median(asked)}
    pause = PAUSES[0]
    said = f"1 browser beside {readers - 1} readers, {pause[0]} to {pause[1]} s apart"
    async with crowd(server.url, readers - 1, pause, SEARCHES) as others:
        waits = await _visit(page, readers, repeats, pause)
        theirs = list(others)
    found |= _compared(said, waits, one)
    return found | _compared(f"{said}: their server's share", theirs, statistics.median(asked))


def _compared(said: str, waits: list[float], one: float) -> dict[str, Any]:
    median = statistics.median(waits)
    return {said: median, f"{said}, quartiles": _quartiles(waits), f"{said}, times one": median / one}


def _quartiles(waits: list[float]) -> str:
    low, _, high = statistics.quantiles(waits, n=4, method="inclusive")
    return f"{low:.2f} to {high:.2f}"


async def _filter(page: Any, corpus: str) -> float:
    """Clear the ranking's search, then search for a corpus; seconds of the second."""
    await _search(page, "")
    return await _search(page, f"gap {corpus} 600k")


async def _search(page: Any, words: str) -> float:
    field = page.locator(".st-key-answer-q input")
    await field.fill(words)
    await page.evaluate(FILTERED, not words)
    await field.press("Enter")
    return float(await page.evaluate("window.filtered"))


async def _next_page(page: Any) -> float:
    started = time.perf_counter()
    await page.get_by_role("button", name="Page 2", exact=True).first.click()
    await page.get_by_text("page 2 of").wait_for()
    await page.wait_for_function(AT_REST)
    return time.perf_counter() - started


async def _visit(page: Any, number: int, repeats: int, pause: tuple[float, float]) -> list[float]:
    """Waits of one reader, who searches and clears the search in turn, `repeats` times, each after a pause (s)."""
    draw = random.Random(number)
    waits = []
    for turn in range(repeats):
        for words in (SEARCHES[(turn + number) % 3], ""):
            await asyncio.sleep(draw.uniform(*pause))
            waits.append(await _search(page, words))
    return waits


def _peak(pid: int) -> float:
    """Peak resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1000
    return float("nan")
