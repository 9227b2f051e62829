"""The view's state in the address: every filter and selection is a query parameter, and a link restores them all.

The address decides when a view opens, after it was edited, and after a step back in the browser. Otherwise the widget
that the reader has just changed decides, so that a quick second change never undoes the first.

Streamlit's own `bind="query-params"` is not suitable: it writes the displayed words into the address instead of the
option's name, and silently drops defaults and unknown values from it.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

_TOUCHED = "_touched"
_TRACK = "_track"
_PAGE = "_page"
_WHOLE = "_whole"


def begin(page: str) -> None:
    """Start a page: its widgets' keys begin with its name, so that pages do not share them by accident."""
    st.session_state[_PAGE] = page
    st.session_state[_WHOLE] = True


def end(*, whole: bool = False) -> None:
    """End a fragment, or the `whole` page: from here on an edited address decides again.

    A fragment that is drawn with its page does not end the page: the widgets after it belong to the same change.
    """
    if whole or not st.session_state.get(_WHOLE):
        st.session_state[_TOUCHED] = st.session_state[_WHOLE] = False


Link = Callable[..., str]
"""What gives an address for a page's name and its parameters, as `relative_link` does."""


def relative_link(page: str, /, **parameters: object) -> str:
    """A link to a page of the leaderboard, relative to the current page."""
    pairs = [(k, str(one)) for k, v in parameters.items() for one in (v if isinstance(v, list) else [v])]
    return f"{'./' if page == 'answer' else page}?{urlencode(pairs)}"


def remembered_track(options: Sequence[str]) -> str:
    """The track that the reader last looked at, or the first."""
    last = st.session_state.get(_TRACK)
    return last if last in options else options[0]


def remember_track(track: str) -> None:
    """Carry the track to the next page, whose own address may not name it."""
    st.session_state[_TRACK] = track


def pick_one(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    default: str | None = None,
    words: Callable[[str], str] = str,
    explicit: bool = False,
    draw: Callable[..., Any] = st.selectbox,
    **layout: Any,
) -> str:
    """One of `options`, by the query parameter `key`; `explicit` for defaults that change with the results."""
    first = default if default in options else options[0]
    widget = _restore(key, lambda found: found[0] if found and found[0] in options else None)
    if st.session_state[widget] not in options:
        st.session_state[widget] = first
    _say_unknown(label, key, options)
    value = draw(label, options, key=widget, format_func=words, on_change=_touch, **layout)
    _keep(key, [value], [first], explicit=explicit)
    return str(value)


def pick_segment(label: str, options: Sequence[str], key: str, **layout: Any) -> str:
    """One of a few `options`, shown side by side."""
    return pick_one(label, options, key, draw=st.segmented_control, required=True, **layout)


def pick_many(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    default: Sequence[str] = (),
    most: int | None = None,
    words: Callable[[str], str] = str,
    explicit: bool = False,
    **layout: Any,
) -> list[str]:
    """Some of `options`; the address holds no `key` where the choice is `default` (by itself none: no restriction).

    `explicit` writes the default too, for defaults that change with the results.
    """
    widget = _restore(
        key, lambda found: [*dict.fromkeys(one for one in found if one in options)][:most] or default
    )
    st.session_state[widget] = [one for one in st.session_state[widget] if one in options]
    _say_unknown(label, key, options)
    value = st.multiselect(
        label, options, key=widget, max_selections=most, format_func=words, on_change=_touch, **layout
    )
    _keep(key, list(value), default, explicit=explicit)
    return list(value)


def search(label: str, key: str, **layout: Any) -> str:
    """A line of text, by the query parameter `key`."""
    widget = _restore(key, lambda found: found[0] if found else "")
    value = st.text_input(label, key=widget, max_chars=200, on_change=_touch, **layout)
    _keep(key, [value] if value else [])
    return str(value or "")


def switch(label: str, key: str) -> bool:
    """Yes or no, as `1` or `0` in the address; no by default."""
    widget = _restore(key, lambda found: found == ["1"])
    value = bool(st.toggle(label, key=widget, on_change=_touch))
    _keep(key, [int(value)], [0])
    return value


def unfold(label: str, key: str, *, icon: str | None = None) -> Any:
    """A part that opens by a click, by the query parameter `key`; draw its content only if it is `open`.

    A closed part costs no time, neither on the server nor on the reader's machine.
    """
    widget = _restore(key, lambda found: found == ["1"])
    part = st.expander(label, key=widget, icon=icon, on_change=_touch)
    _keep(key, ["1"] if part.open else [])
    return part


def noted(key: str, options: Sequence[str], default: Sequence[str]) -> list[str]:
    """The choice of some of `options` in the address, for a widget that is not drawn."""
    return [one for one in st.query_params.get_all(key) if one in options] or list(default)


def page_number(pages: int, key: str = "page") -> int:
    """The page of a long table, 1 to `pages`."""
    widget = _restore(key, lambda found: int(found[0]) if found and found[0].isdecimal() else 1)
    st.session_state[widget] = min(max(1, st.session_state[widget]), pages)
    value = int(st.pagination(pages, key=widget, on_change=_touch)) if pages > 1 else 1
    _keep(key, [value], [1])
    return value


def _widget(key: str) -> str:
    return f"{st.session_state.get(_PAGE, '')}.{key}"


def _touch() -> None:
    st.session_state[_TOUCHED] = True


def _restore(key: str, read: Callable[[list[str]], Any]) -> str:
    """Set the widget from the address if the address decides; returns the widget's key."""
    widget = _widget(key)
    found = st.query_params.get_all(key)
    edited = found != st.session_state.get(f"_url.{widget}") and not st.session_state.get(_TOUCHED)
    if widget not in st.session_state or edited:
        st.session_state[widget] = read(found)
    return widget


def _keep(key: str, values: list[Any], default: Sequence[Any] = (), *, explicit: bool = False) -> None:
    """Write the widget's value into the address after a change by the reader.

    Opening a view does not change the address: each change is a step in the browser's history, and a change that the
    reader did not make would break the Back button. A default is written only if it is `explicit` or replaces another
    value.
    """
    written, held = [str(value) for value in values], st.query_params.get_all(key)
    if (
        st.session_state.get(_TOUCHED)
        and written != held
        and (held or explicit or list(values) != list(default))
    ):
        if written:
            st.query_params[key] = written
        else:
            st.query_params.pop(key, None)
    st.session_state[f"_url.{_widget(key)}"] = st.query_params.get_all(key)


def _say_unknown(label: str, key: str, options: Sequence[str]) -> None:
    unknown = [one for one in st.query_params.get_all(key) if one not in options]
    if unknown:
        st.warning(f"The link names something that these results do not hold ({label.lower()}):")
        st.text("\n".join(one[:200] for one in unknown[:5]))
