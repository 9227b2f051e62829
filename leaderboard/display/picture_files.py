"""Charts as SVG and PNG: downloads on the pages, and the pictures of the static copy."""

from typing import Any

import streamlit as st

from leaderboard.display import theme

SIZE = 760
"""Width in pixels of a chart outside a page, where nothing else gives it one."""
GROUND = {False: "#ffffff", True: "#12171f"}
WORDS = {False: "#1b2430", True: "#e8edf3"}


def svg(chart: Any, *, dark: bool = False, width: int = SIZE) -> str:
    """The chart as SVG text, in letters of the reader's machine."""
    import vl_convert  # loads a JavaScript engine: only those who save a picture wait for it

    return str(vl_convert.vegalite_to_svg(_spec(chart, dark=dark, width=width), vl_version="6.4"))


def png(chart: Any, *, dark: bool = False, width: int = SIZE) -> bytes:
    """The chart as PNG, two pixels for one."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_spec(chart, dark=dark, width=width), vl_version="6.4", scale=2))


def _spec(chart: Any, *, dark: bool, width: int) -> dict[str, Any]:
    """The chart's specification with a width, a ground and letters that fit it."""
    spec: dict[str, Any] = chart.to_dict()
    config = dict(spec.get("config") or {})
    words = {"labelColor": WORDS[dark], "titleColor": WORDS[dark]}
    config["axis"] = {"labelLimit": 260, "gridColor": "#8b97a655", **(config.get("axis") or {}), **words}
    config["legend"] = {**(config.get("legend") or {}), **words}
    config["view"] = {"strokeWidth": 0, **(config.get("view") or {})}
    config["background"] = GROUND[dark]
    config["font"] = "Arial, Helvetica, sans-serif"
    config["padding"] = {
        "left": 30,
        "right": 20,
        "top": 10,
        "bottom": 10,
    }  # letters may be wider where it is shown
    sized = {} if "width" in spec or "facet" in spec else {"width": width}
    return {**spec, **sized, "config": config}


def offer(chart: Any, name: str) -> None:
    """Downloads of a chart as SVG and PNG, made when asked for."""
    dark = theme.is_dark()
    with st.container(horizontal=True, gap="small"):
        for kind, mime, make in (("SVG", "image/svg+xml", svg), ("PNG", "image/png", png)):
            st.download_button(
                kind,
                lambda make=make: make(chart, dark=dark),
                f"{name}.{kind.lower()}",
                mime,
                key=f"{kind.lower()}-{name}",
                on_click="ignore",
                icon=":material/image:",
                type="tertiary",
            )
