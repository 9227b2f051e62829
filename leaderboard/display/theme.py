"""Whether figures are drawn for a light or a dark ground: the reader's theme, or the one that a copy is written for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import streamlit as st

_WRITTEN_FOR: ContextVar[bool | None] = ContextVar("written_for", default=None)


def is_dark() -> bool:
    """Whether the ground is dark."""
    chosen = _WRITTEN_FOR.get()
    return st.context.theme.type == "dark" if chosen is None else chosen


@contextmanager
def drawn_for(*, dark: bool) -> Iterator[None]:
    """Inside the block, figures are drawn for this ground, whatever the reader's theme is."""
    token = _WRITTEN_FOR.set(dark)
    try:
        yield
    finally:
        _WRITTEN_FOR.reset(token)
