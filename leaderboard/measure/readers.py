"""Readers without a browser: they use Streamlit's own protocol over a websocket, as a reader's browser does.

They measure the server alone: pages are received and searched for errors, but not drawn.
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ENDED_WELL = ("FINISHED_SUCCESSFULLY", "FINISHED_FRAGMENT_RUN_SUCCESSFULLY")
LINE, COUNT = "Search", re.compile(r"\d+ of \d+ entr")
"""The ranking's line of text, and how its caption begins."""


class PageError(RuntimeError):
    """The server sent an exception, its script failed, or a filter did not change the table."""


@dataclass
class Reader:
    """One session: opens a page, then types into a line of text on it.

    `widgets` are the lines' ids by label, `fragments` the parts of the page that hold them, `captions` those that
    the last run of the script sent.
    """

    socket: Any
    widgets: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    captions: list[str] = field(default_factory=list)

    async def open(self) -> float:
        """The first page; seconds until its script has ended."""
        said = BackMsg()
        said.rerun_script.query_string = ""
        return await self._run(said)

    async def type(self, label: str, words: str) -> float:
        """Type `words` into a line and press Enter; seconds until the fragment that holds it has ended."""
        said = BackMsg()
        said.rerun_script.fragment_id = self.fragments[label]
        said.rerun_script.widget_states.widgets.add(id=self.widgets[label], string_value=words)
        return await self._run(said)

    async def filter(self, words: str) -> float:
        """Search the ranking for `words`, or clear the search; seconds. PageError where the table stays the same."""
        before = self._count()
        seconds = await self.type(LINE, words)
        if self._count() == before:
            raise PageError(f"the table shows the same after {words!r}: {before}")
        return seconds

    def _count(self) -> str:
        return next((found[0] for found in map(COUNT.match, self.captions) if found), "")

    async def _run(self, said: BackMsg) -> float:
        self.captions.clear()
        started = time.perf_counter()
        await self.socket.send(said.SerializeToString())
        async for raw in self.socket:
            for message in _messages(ForwardMsg.FromString(raw)):
                kind = message.WhichOneof("type")
                if kind == "delta":
                    self._note(message.delta)
                elif kind == "script_finished":
                    status = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
                    if status not in ENDED_WELL:
                        raise PageError(f"the script ended with {status}")
                    return time.perf_counter() - started
        raise PageError("the server closed the connection")

    def _note(self, delta: Any) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise PageError(f"{element.exception.type}: {element.exception.message}")
        if kind == "text_input":
            self.widgets[element.text_input.label] = element.text_input.id
            self.fragments[element.text_input.label] = delta.fragment_id
        elif kind == "markdown":
            self.captions.append(element.markdown.body)


def _messages(message: ForwardMsg) -> Iterator[ForwardMsg]:
    """The messages that a bundle holds, or the one itself."""
    kind = message.WhichOneof("type")
    inner: Any = getattr(message, kind) if kind else None
    yield from inner.messages if hasattr(inner, "messages") else [message]


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Reader]:
    """A reader on the first page of the server at `url`."""
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    async with connect(address, subprotocols=[Subprotocol("streamlit")], max_size=None) as socket:
        reader = Reader(socket)
        await reader.open()
        yield reader


@asynccontextmanager
async def crowd(
    url: str, readers: int, pause: tuple[float, float], searches: Sequence[str]
) -> AsyncIterator[list[float]]:
    """`readers` who search and clear the search in turn, `pause` seconds apart, until the block ends.

    Gives their waits in seconds as they come. The first error of any of them is raised when the block ends.
    """
    waits: list[float] = []
    over, ready = asyncio.Event(), asyncio.Barrier(readers + 1)

    async def visit(number: int) -> None:
        draw = random.Random(number)
        async with reading(url) as reader:
            await ready.wait()
            turn = 2 * number
            while not over.is_set():
                await asyncio.sleep(draw.uniform(*pause))
                waits.append(await reader.filter("" if turn % 2 else searches[turn // 2 % len(searches)]))
                turn += 1

    async with asyncio.TaskGroup() as group:
        for number in range(readers):
            group.create_task(visit(number))
        await ready.wait()
        yield waits
        over.set()
