"""The SOURCE of a submission: a local file or folder, or a repository of the Hub at a commit, branch or tag."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import InputError
from benchmark.system.patterns import HUB_ID, REVISION

DEFAULT_BRANCH = "main"


@dataclass(frozen=True)
class HubSource:
    """A repository of the Hub as it was named: `revision` may be a branch or tag, which has to be pinned first."""

    id: str
    revision: str
    column: str | None = None


def parse_source(text: str, kind: Literal["corpus", "model"]) -> Path | HubSource:
    """What a SOURCE argument names: a local file or folder, or a repository of the Hub.

    Raises:
        InputError: an unknown scheme, a malformed name or revision.
    """
    if not text or "\0" in text:
        raise InputError(f"source {text!r}: name a file, a folder or hf://owner/name")
    if text.startswith("hf://"):
        return _hub(text, text.removeprefix("hf://"), kind)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise InputError(f"source {text!r}: unknown scheme: download it, or name hf://owner/name")
    looks_like_hub = re.fullmatch(HUB_ID, text.partition("@")[0]) is not None and not Path(text).exists()
    if kind == "model" and looks_like_hub:
        return _hub(text, text, kind)
    if kind == "corpus" and looks_like_hub and "@" in text:
        raise InputError(f"source {text!r}: no such file: a data set of the Hub is written hf://{text}")
    return Path(text)


def _hub(text: str, rest: str, kind: Literal["corpus", "model"]) -> HubSource:
    named, separator, column = rest.partition(":")
    identity, at, revision = named.partition("@")
    if not re.fullmatch(HUB_ID, identity) or ".." in identity or len(identity) > 200:
        raise InputError(f"source {text!r}: {identity!r} is not an owner/name of the Hub")
    if at and not re.fullmatch(REVISION, revision):
        raise InputError(
            f"source {text!r}: {revision!r} is no branch or tag that could be pinned to a commit: "
            f"name {identity}@main or {identity}@<40 hex digits>"
        )
    if separator and kind == "model":
        raise InputError(f"source {text!r}: a model has no column: leave out {separator + column!r}")
    checked = check_column(column) if separator else None
    return HubSource(identity, revision or DEFAULT_BRANCH, checked)


def check_column(column: str) -> str:
    """A column's name; it is written into a settings file that DVC interpolates.

    Raises:
        InputError: empty, longer than 200 characters, with control characters or `${`.
    """
    if not column or len(column) > 200 or not column.isprintable() or "${" in column:
        raise InputError(f"column {column!r:.80}: use a plain printable name of at most 200 characters")
    return column
