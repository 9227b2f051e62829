"""The pages and the bar that leads to them."""

import sys
from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).resolve().parents[1]
PAGES = [
    ("answer", "Answer", ":material/fact_check:"),
    ("entry", "Entry", ":material/show_chart:"),
    ("compare", "Compare", ":material/compare_arrows:"),
    ("documents", "Documents", ":material/description:"),
    ("corpora", "Corpora", ":material/library_books:"),
    ("published", "Published", ":material/history_edu:"),
    ("reproducibility", "Reproducibility", ":material/verified:"),
    ("method", "Method", ":material/function:"),
    ("submit", "Submit", ":material/upload_file:"),
]
_HELD = "_pages"
_RULES = (
    "<style>[data-testid='stMultiSelect'] [data-tag] { background-color: #1f5fa8; color: #ffffff; }"
    "[data-testid='stMainBlockContainer'] { padding-top: 4.2rem; padding-bottom: 4rem; }</style>"
)
"""Chosen options: Streamlit writes them in white on the theme's main colour, which is light in the dark theme. The
space above a page: by default it fills an eighth of a small screen."""


def chosen_page() -> st.Page:
    """Draw the bar; returns the page of the address."""
    st.set_page_config(page_title="GAPbench", page_icon=str(FOLDER / "icon.png"), layout="wide")
    st.html(_RULES)
    pages = {
        name: st.Page(
            FOLDER / "pages" / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "answer"
        )
        for name, title, icon in PAGES
    }
    st.session_state[_HELD] = pages
    return st.navigation(list(pages.values()), position="top")


def known_pages() -> dict[str, st.Page]:
    """The pages by name; empty if a page runs alone."""
    return dict(st.session_state.get(_HELD) or {})


def take_over() -> None:
    """If Streamlit runs a page of the app without the bar, start again with it.

    Until `st.navigation` has been called once in a server process, Streamlit runs the modules in a folder `pages` next
    to the app as pages of their own. The first reader after a start may open the address of any page.
    """
    started = Path(getattr(sys.modules["__main__"], "__file__", None) or ".").resolve()
    if started == FOLDER / "app.py" and not known_pages():
        chosen_page()
        st.rerun()
