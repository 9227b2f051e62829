"""The leaderboard's entry point: `streamlit run leaderboard/app.py`."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # `streamlit run` puts only this folder there
    sys.path.insert(0, str(ROOT))

PAGES = {
    "Results": [
        ("answer", "Answer", ":material/fact_check:"),
        ("compare", "Compare", ":material/compare_arrows:"),
        ("entry", "Entry", ":material/show_chart:"),
        ("documents", "Documents", ":material/description:"),
    ],
    "Background": [
        ("corpora", "Corpora", ":material/library_books:"),
        ("published", "Published", ":material/history_edu:"),
        ("reproducibility", "Reproducibility", ":material/verified:"),
    ],
    "Take part": [
        ("submit", "Submit", ":material/upload_file:"),
        ("method", "Method", ":material/function:"),
    ],
}

st.set_page_config(page_title="GAPbench", page_icon=":material/stacked_line_chart:", layout="wide")
pages = {
    name: st.Page(f"pages/{name}.py", title=title, icon=icon, url_path=name, default=name == "answer")
    for section in PAGES.values()
    for name, title, icon in section
}
st.session_state["_pages"] = pages
st.navigation({section: [pages[name] for name, _, _ in rows] for section, rows in PAGES.items()}).run()
