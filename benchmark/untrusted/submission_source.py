"""The SOURCE of a submission: a local file or folder, or a repository of the Hub pinned to a commit."""

import re
from pathlib import Path
from typing import Literal

from benchmark.errors import InputError
from benchmark.system.patterns import COMMIT, HUB_ID
from benchmark.untrusted.manifest import HubOrigin


def parse_source(text: str, kind: Literal["corpus", "model"]) -> Path | HubOrigin:
    """What a SOURCE argument names: a local file or folder, or a repository of the Hub at one commit.

    Raises:
        InputError: a Hub source without a 40-hex commit, an unknown scheme, a malformed name.
    """
    if not text or "\0" in text:
        raise InputError(f"source {text!r}: name a file, a folder or hf://owner/name@<40 hex>")
    if text.startswith("hf://"):
        return _hub(text, text.removeprefix("hf://"), kind)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise InputError(f"source {text!r}: unknown scheme: download it, or name hf://owner/name@<40 hex>")
    looks_like_hub = re.fullmatch(HUB_ID, text.partition("@")[0]) is not None and not Path(text).exists()
    if kind == "model" and looks_like_hub:
        return _hub(text, text, kind)
    if kind == "corpus" and looks_like_hub and "@" in text:
        raise InputError(f"source {text!r}: no such file: a data set of the Hub is written hf://{text}")
    return Path(text)


def _hub(text: str, rest: str, kind: Literal["corpus", "model"]) -> HubOrigin:
    identity, _, pinned = rest.partition("@")
    revision, separator, column = pinned.partition(":")
    if not re.fullmatch(HUB_ID, identity) or ".." in identity or len(identity) > 200:
        raise InputError(f"source {text!r}: {identity!r} is not an owner/name of the Hub")
    if not re.fullmatch(COMMIT, revision):
        raise InputError(
            f"source {text!r}: a branch or tag can move, so pin the commit: hf://{identity}@<40 hex digits>"
        )
    if separator and kind == "model":
        raise InputError(f"source {text!r}: a model has no column: leave out {separator + column!r}")
    checked = check_column(column) if separator else None
    return HubOrigin(kind="hub", id=identity, revision=revision, column=checked)


def check_column(column: str) -> str:
    """A column's name; it is written into a settings file that DVC interpolates.

    Raises:
        InputError: empty, longer than 200 characters, with control characters or `${`.
    """
    if not column or len(column) > 200 or not column.isprintable() or "${" in column:
        raise InputError(f"column {column!r:.80}: use a plain printable name of at most 200 characters")
    return column
