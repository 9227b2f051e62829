"""Method: every figure on the board in words (`method.md`), with the code that computes it and the paper."""

import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import streamlit as st

from leaderboard.display import tables, wording
from leaderboard.display.columns import COLUMNS, Column, family_columns
from leaderboard.site import page, state

LEAD = "How every figure on these pages is computed, in words, with the file that computes it."
PAPER = "https://arxiv.org/abs/2306.07052"
ORIGINAL = "https://github.com/kaist-lklab/GAP"
LABELS = {
    "heading": Column("Heading", "On the pages."),
    "column": Column("Column", "In the files."),
    "meaning": Column("Meaning", "In words.", width="large"),
}


def main() -> None:
    """Draw the page."""
    page.start("method", "Method", LEAD)
    st.markdown(
        "The method under test: Yoon, Jang, Kim and Seo, *Gradient Ascent Post-training*, ACL 2023 "
        f"([paper]({PAPER}), [code]({ORIGINAL}))."
    )
    place = 0
    written = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", written, flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        body, _, modules = rest.partition("\nCode: ")
        st.header(heading)
        st.markdown(body)
        for module in re.findall(r"`(.+?)`", modules):
            place += 1
            show_code(module, place)
    show_columns()
    page.finish()


@st.fragment
def show_code(module: str, place: int) -> None:
    """The source of a module, found without importing it, drawn when the reader opens it."""
    with state.unfold(f"Code: {module}", f"code{place}", icon=":material/code:") as part:
        if part.open:
            found = find_spec(module)
            path = Path(found.origin) if found and found.origin else Path(module)
            st.code(page.file_text(path) or wording.visible(path), language="python", height=360)
    state.end()


def show_columns() -> None:
    """Every column that a table may show."""
    st.header("Every column")
    of_families = family_columns({"<family>": ("Family", "score")})
    shown = {name: column for name, column in (COLUMNS | of_families).items() if column.kind != "link"}
    rows = [
        {"heading": column.label, "column": name, "meaning": column.help.replace("`", "")}
        for name, column in shown.items()
    ]
    tables.show(pd.DataFrame(rows), "columns", labels=LABELS)


main()
