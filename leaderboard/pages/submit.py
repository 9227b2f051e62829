"""Submit: check a file exactly as `gapbench submit check` does, and get the command that adds it."""

import shlex
import tempfile
from pathlib import Path

import streamlit as st

from benchmark.errors import CheckFailed, InputError
from benchmark.settings.names import check_name
from leaderboard.display import wording
from leaderboard.site import page, state

LEAD = (
    "Add a corpus or a model of your own. Nothing you send is executed: data are data, weights are "
    "safetensors, Hub sources are pinned to a commit. Only what you add is run; everything else stays as it is."
)
KINDS = {"corpus": "A corpus", "model": "A model"}
MOST = 4 * 1024 * 1024
ENDINGS = ["yaml", "yml", "dvc", "jsonl", "csv", "txt", "parquet", "json"]


def main() -> None:
    """Draw the page."""
    page.start("submit", "Submit", LEAD)
    show_command()
    show_check()
    show_after()
    page.finish()


def show_command() -> None:
    """The command that validates and adds an entry."""
    st.header("1. Make the entry", anchor=False)
    kind = state.pick_segment("What do you add?", list(KINDS), "kind", words=KINDS.__getitem__)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = state.search(
            "Name",
            "name",
            placeholder="my-corpus",
            help="Lower-case letters, digits and hyphens; begin with a letter.",
            width=240,
        )
        example = "texts.jsonl" if kind == "corpus" else "owner/name"
        source = state.search(
            "Source",
            "source",
            placeholder=example,
            width=420,
            help=(
                "A file or folder on your machine, or `hf://owner/name[@revision][:column]`; for models "
                "also `owner/name[@revision]`. The revision is pinned to its commit."
            ),
        )
    problem = name_problem(name)
    if name and problem:
        st.warning(wording.plain(problem), icon=":material/report:")
    st.markdown("In a clone of this repository:")
    st.code(command(kind, name, source), language="bash", wrap_lines=True)
    st.caption(
        "It validates the source, writes a manifest, and adds one line to params.yaml. Refused input "
        "changes nothing."
    )


def command(kind: str, name: str, source: str) -> str:
    """The command to type, with placeholders for missing values."""
    given = [shlex.quote(word) if word else blank for word, blank in ((name, "NAME"), (source, "SOURCE"))]
    return " ".join(["gapbench", "submit", kind, *given])


def name_problem(name: str) -> str:
    """Why a name is refused; empty if it is accepted (the check of the settings)."""
    try:
        check_name(name)
    except (InputError, ValueError) as error:
        return str(error)
    return ""


def show_check() -> None:
    """The same check as the command's, on a file or on pasted text."""
    st.header("2. Check a file", anchor=False)
    st.markdown(
        "A manifest, a params.yaml, a `.dvc` file or a corpus, checked exactly as `gapbench submit check "
        "FILE` does. It is not kept."
    )
    with st.form("check", border=True):
        upload = st.file_uploader(
            "File",
            type=ENDINGS,
            max_upload_size=4,
            help="At most 4 MB here; check larger ones with the command.",
        )
        pasted = st.text_area("Or paste a manifest or params.yaml", height=180, max_chars=200_000)
        column = st.text_input("Text column, for a corpus given as a table", max_chars=100)
        asked = st.form_submit_button("Check", icon=":material/rule:")
    if not asked:
        return
    if upload is None and not pasted.strip():
        st.info("Choose a file or paste its text.", icon=":material/info:")
        return
    name, content = (
        (upload.name, upload.getvalue()) if upload is not None else ("params.yaml", pasted.encode("utf-8"))
    )
    accepted, said = check(name, content, column.strip() or None)
    if accepted:
        st.success("**Accepted.** The check found nothing to refuse.", icon=":material/check_circle:")
    else:
        st.error("**Refused**, with exit code 2:", icon=":material/cancel:")
    st.code(said, language=None, wrap_lines=True)
    if accepted and name.endswith((".yaml", ".yml")):
        st.download_button(
            "Download the checked file",
            content,
            "checked.yaml",
            "application/yaml",
            on_click="ignore",
            icon=":material/download:",
        )


def check(name: str, content: bytes, column: str | None = None) -> tuple[bool, str]:
    """Whether `gapbench submit check` accepts a file, and what it says, without this server's paths."""
    if len(content) > MOST:
        return (
            False,
            f"{wording.visible(name)}: larger than {MOST // 2**20} MB; check it with the command on your "
            "machine",
        )
    from benchmark.intake.check import check_file  # takes a second, and only this page needs it

    ending = Path(name).suffix.lower()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{ending if ending.lstrip('.').isalnum() else ''}"
        path.write_bytes(content)
        try:
            report, accepted = str(check_file(path, column=column)), True
        except (InputError, CheckFailed) as error:
            report, accepted = str(error), False
        shown = report.replace(str(path.resolve()), name).replace(str(path), name).replace(folder, "")
    return accepted, "\n".join(wording.visible(line) for line in shown.splitlines())


def show_after() -> None:
    """What happens to a submission."""
    st.header("3. Run it and send it", anchor=False)
    st.code(
        "make repro\ngit add params.yaml submissions results && git commit", language="bash", wrap_lines=True
    )
    st.markdown(
        "Then open a pull request. Your entry appears as `self-reported`. When someone repeats runs of it "
        "on another machine with `gapbench verify`, it becomes `reproduced`, or `flagged` where it does "
        "not hold."
    )


main()
