"""How to cite the view of a page: its permalink, with the revision of the results that it shows."""

from urllib.parse import urlencode

import streamlit as st

from benchmark.errors import InputError
from benchmark.reports.citation import Citation, read_citation
from leaderboard.display import wording
from leaderboard.site import track_data

REVISION = "revision"
"""The query parameter that names the revision of the results that a link was made from."""


def revision_of(track: str) -> str:
    """The commit that made the track's results; empty where `provenance.json` does not say."""
    provenance, _ = track_data.document(track, "provenance.json")
    found = provenance.get("revision") if isinstance(provenance, dict) else None
    return str(found or "")


def permalink(track: str) -> str:
    """The address of this view with its track and the revision of its results."""
    given = {key: st.query_params.get_all(key) for key in st.query_params if key not in ("track", REVISION)}
    pairs = [("track", track), *((key, one) for key, found in given.items() for one in found)]
    revision = revision_of(track)
    pairs += [(REVISION, revision[:12])] if revision else []
    base = (st.context.url or "").split("?")[0].split("#")[0]
    return f"{base}?{urlencode(pairs)}"


def citation_of(track: str, address: str) -> str:
    """Text and BibTeX of a view."""
    try:
        cited = read_citation(track_data.results_folder())
    except InputError:
        cited = Citation((), "GAPbench")
    revision = revision_of(track)
    about = f"track {track}" + (f", results of revision {revision[:12]}" if revision else "")
    bibtex = (
        cited.bibtex.removesuffix("\n}") + f",\n  note = {{{about}}},\n  howpublished = {{{address}}}\n}}"
    )
    return wording.visible(f"{cited.text}. {about[:1].upper()}{about[1:]}. {address}\n\n{bibtex}", keep="\n")


def warn_of_other_revision(track: str) -> None:
    """If the link was made from results of another revision, say so."""
    asked, held = str(st.query_params.get(REVISION) or ""), revision_of(track)
    if asked and held and not held.startswith(asked):
        st.warning(
            f"This link was made from results of revision {wording.plain(asked[:40])}; shown are those of "
            f"{wording.plain(held[:12])}.",
            icon=":material/history:",
        )


def show(track: str) -> None:
    """A button that opens the citation."""
    with st.popover("Cite this view", icon=":material/format_quote:"):
        st.code(citation_of(track, permalink(track)), language=None, wrap_lines=True)
