"""Files of a Hugging Face Hub repository at one commit, and the commit that a branch or tag names.

Every refusal is one line.
"""

import logging
import re
import sys
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmark.errors import InputError
from benchmark.system.content_hash import sha256_of
from benchmark.system.patterns import COMMIT, HUB_ID, SHA256

Kind = Literal["model", "dataset"]
PROBE_SECONDS = 10


class HubOutOfReach(ConnectionError):
    """Nothing answers at the Hub's address, or it may not be asked."""


def check_pin(repository: str, revision: str) -> None:
    """Raise ``InputError`` unless these are an ``owner/name`` and a full commit: a branch or tag may move."""
    if not re.fullmatch(HUB_ID, repository):
        raise InputError(f"{repository!r} is not a Hub id: write owner/name")
    if not re.fullmatch(COMMIT, revision):
        raise InputError(f"{repository}@{revision} is not pinned: give a commit of 40 hex digits")


def hub_file(repository: str, revision: str, name: str, *, kind: Kind = "model") -> Path | None:
    """A file in the Hub's local cache, downloaded if absent; None where the commit has no such file.

    Large files are named by their sha256 in that cache, which is checked. Raises ``InputError`` where the Hub
    is out of reach and the file is not cached, or the repository or commit does not exist.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, HTTPError, LocalEntryNotFoundError

    cached = try_to_load_from_cache(repository, name, revision=revision, repo_type=kind)
    if cached is not None and not isinstance(cached, str):
        return None
    try:
        if cached is None:
            _require_hub()
        path = Path(cached or hf_hub_download(repository, name, revision=revision, repo_type=kind))
    except LocalEntryNotFoundError as error:
        raise hub_refusal(repository, revision, name, error) from error
    except EntryNotFoundError:
        return None
    except (OSError, HTTPError) as error:
        raise hub_refusal(repository, revision, name, error) from error
    blob = path.resolve()
    if re.fullmatch(SHA256, blob.name) and sha256_of(blob) != blob.name:
        raise InputError(f"{repository}@{revision} {name} is damaged in the cache: remove {blob} and rerun")
    return path


def hub_listing(repository: str, revision: str, *, kind: Kind) -> dict[str, int]:
    """Name -> size in bytes of every file of the commit, sorted by name."""
    info = _info(repository, revision, "its list of files", kind=kind)
    sizes = {entry.rfilename: int(entry.size or 0) for entry in info.siblings or ()}
    return dict(sorted(sizes.items()))


def hub_commit(repository: str, revision: str, *, kind: Kind) -> str:
    """The commit (40 hex digits) that a branch or tag of a repository names now; a commit names itself.

    Raises:
        InputError: the Hub is out of reach, or has no such repository, branch or tag.
    """
    found = _info(repository, revision, "the commit to pin", kind=kind).sha
    if not isinstance(found, str) or not re.fullmatch(COMMIT, found):
        raise InputError(
            f"{repository}@{revision}: the Hub names no commit for it: pin a commit of 40 hex digits"
        )
    return found


def _info(repository: str, revision: str, wanted: str, *, kind: Kind) -> Any:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError

    try:
        _require_hub()
        return HfApi().repo_info(repository, revision=revision, repo_type=kind, files_metadata=True)
    except (OSError, HTTPError) as error:
        raise hub_refusal(repository, revision, wanted, error) from error


def _require_hub() -> None:
    """Fail at once where the Hub is out of reach: its own client would retry for half a minute per file."""
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        disable_progress_bars()
    if constants.HF_HUB_OFFLINE:
        raise HubOutOfReach("HF_HUB_OFFLINE is set")
    _probe(constants.ENDPOINT)


@cache
def _probe(endpoint: str) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        # It answered, even if it serves no page there.
        return
    except OSError as error:
        raise HubOutOfReach(str(error)) from error


def hub_refusal(repository: str, revision: str, name: str, error: Exception) -> InputError:
    """One line for an error of the Hub's client about ``name``, a file or what else was asked for."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    wanted = f"{repository}@{revision} ({name})"
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, HfHubHTTPError):
        error = error.__cause__
    if isinstance(error, GatedRepoError):
        return InputError(f"{wanted} is gated: accept its terms on the Hub and log in with `hf auth login`")
    if isinstance(error, RevisionNotFoundError):
        which = "commit: check the 40 hex digits"
        which = which if re.fullmatch(COMMIT, revision) else "branch, tag or commit: check what follows the @"
        return InputError(f"{wanted}: the Hub has no such {which}")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    # To whoever is not logged in, the Hub answers 401 for a repository that is missing or private.
    if isinstance(error, RepositoryNotFoundError) or status == 401:
        return InputError(
            f"{wanted}: the Hub has no such repository, or it is private: check owner/name, or log in with "
            "`hf auth login`"
        )
    if status is not None:
        return InputError(f"{wanted}: the Hub refused it (status {status}): try again later")
    if isinstance(error, (HubOutOfReach, LocalEntryNotFoundError)):
        return InputError(
            f"{wanted} is not cached and the Hub is out of reach: connect, or name a local folder or file instead"
        )
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return InputError(f"{wanted}: the download broke off ({reason}): try again")
