"""The common parts of pages: heading, choice of track, links between pages, and help if there are no data."""

from pathlib import Path

import streamlit as st

from benchmark.store.tracks import params_name
from leaderboard.display import plain_html, wording
from leaderboard.site import cite_view, copy_address, navigation, state, track_data

_CITED = "_cited"
TRACK_WORDS = {
    "micro": "micro: small models trained here",
    "paper": "paper: OPT 350M to 6.7B",
    "published": "published: the original study",
    "smollm2-q4": "smollm2-q4: SmolLM2 135M, 4-bit",
    "tricks": "tricks: seven treatments",
}


def start(name: str, heading: str, lead: str, *, track: str | None = None) -> None:
    """Heading and one sentence that says what the page is for; `track` if it is always about that one."""
    navigation.take_over()
    state.begin(name)
    st.session_state[_CITED] = track
    st.html(plain_html.style())
    st.title(heading, anchor=False)
    st.markdown(lead)


def start_on_track(name: str, heading: str, lead: str, *, width: int = 330) -> str | None:
    """Heading and the track, chosen beside it; None, after a helpful note, where there are no results."""
    navigation.take_over()
    state.begin(name)
    st.session_state[_CITED] = None
    st.html(plain_html.style())
    made = track_data.tracks()
    found = [*made, *track_data.tracks_without_results()]
    if not made:
        st.title(heading, anchor=False)
        if lead:
            st.markdown(lead)
        no_results()
        return None
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.title(heading, anchor=False, width="content")
        track = state.pick_one(
            "Track",
            found,
            "track",
            explicit=True,
            default=state.remembered_track(made),
            width=width,
            words=lambda one: TRACK_WORDS.get(one, one) + ("" if one in made else " (no results yet)"),
            help="A closed comparison with its own models, texts and tasks. Tracks are never mixed in one "
            "ranking.",
        )
    state.remember_track(track)
    if track not in made:
        if lead:
            st.markdown(lead)
        not_made(track)
        return None
    st.session_state[_CITED] = track
    cite_view.warn_of_other_revision(track)
    if lead:
        st.markdown(lead)
    return track


def no_results() -> None:
    """What to do where the results folder is empty or absent."""
    folder = track_data.results_folder()
    st.info("**There are no results to show yet.**", icon=":material/inbox:")
    st.markdown("The leaderboard reads this folder, and found no track in it:")
    st.code(str(folder), language=None)
    st.markdown(
        "Make the results of the track `micro` (about ten minutes on two cores), or name another folder:"
    )
    st.code("make repro\nGAPBENCH_RESULTS=/path/to/results make leaderboard", language="bash")
    finish()


def not_made(track: str) -> None:
    """What to do where a track of this repository has not been run."""
    st.info(f"**The track {wording.plain(track)} has no results yet.**", icon=":material/inbox:")
    st.markdown("This command makes them. Its settings say what it needs:")
    st.code(f"make repro TRACK={track}\n# settings: {params_name(track)}", language="bash")
    finish()


def explain(*tables: track_data.ResultTable) -> None:
    """Report broken or incomplete tables; the part of a page that needs a missing one reports it itself."""
    for one in tables:
        if one.problem and not one.absent:
            st.warning(wording.plain(one.problem), icon=":material/report:")
        elif one.note:
            st.caption(f":material/info: {wording.plain(one.note)}")


def nothing(what: str, how: str, command: str = "") -> None:
    """A part of a page that has no data: what is missing, and how to get it."""
    st.info(f"{what} {how}", icon=":material/inbox:")
    if command:
        st.code(command, language="bash")


def unwritten(what: str) -> None:
    """A part of a page whose file the pipeline has not written yet, or not completely."""
    nothing(what, "The last stage of the pipeline writes these results:", "dvc repro")


def link(label: str, page: str, icon: str | None = None, /, **parameters: object) -> None:
    """A link to another page that keeps the reader's selection; `label` is ours, never data."""
    pages = navigation.known_pages()
    if page in pages:
        query = {k: v if isinstance(v, list) else str(v) for k, v in parameters.items()}
        st.page_link(pages[page], label=label, icon=icon, query_params=query)
    else:
        st.markdown(f"[{label}]({state.relative_link(page, **parameters)})")


def finish(copied: copy_address.Key | str | None = None) -> None:
    """The last line of every page: how to link to the view and to cite it.

    `copied` is the entry or the track that the page is about, if a static copy has a page for it.
    """
    track = st.session_state.get(_CITED)
    if track:
        cite_view.show(track)
        key = None if isinstance(copied, str) else copied
        if copied and (address := copy_address.in_copy(track, key)):
            st.markdown(f"[The same as a plain page](<{address}>)")
    st.caption("This page's address is a link to exactly this view, with every filter and selection.")
    state.end(whole=True)


def file_text(path: Path, most: int = 20_000) -> str:
    """The beginning of a text file; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:most]
    except OSError:
        return ""
