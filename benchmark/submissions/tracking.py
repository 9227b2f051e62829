"""Data under DVC, as `dvc add` would put it there, for files that still stand in a staging folder."""

import logging
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmark.errors import CheckFailed, InputError


@dataclass(frozen=True)
class Tracked:
    """What DVC knows of a file or folder: the content of its `.dvc` file and of the `.gitignore` beside it."""

    dvc_file: str
    gitignore: str


def track(root: Path, staged: Path, name: str) -> Tracked:
    """Put the content of `staged` into the DVC cache of the repository at `root`, to be called `name` later.

    Raises:
        InputError: `root` is no DVC repository.
        CheckFailed: the cache cannot be written.
    """
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.transfer import transfer

    logging.getLogger("dvc").setLevel(logging.ERROR)
    try:
        with Repo(str(root)) as repo:
            cache = repo.cache.local
            built, meta, content = build(cache, str(staged), cache.fs, "md5")
            failed = transfer(built, cache, {content.hash_info}, hardlink=False, shallow=False).failed
    except NotDvcRepoError:
        raise InputError(f"{root}: no DVC repository: run `dvc init` there, or name its params.yaml") from None
    except DvcException as error:
        raise CheckFailed(f"nothing was submitted: DVC says {' '.join(str(error).split())}") from None
    if failed:
        raise CheckFailed("nothing was submitted: DVC's cache could not be written: free some space")
    out: dict[str, object] = {"md5": content.hash_info.value, "size": meta.size}
    if meta.isdir:
        out["nfiles"] = meta.nfiles
    out |= {"hash": "md5", "path": name}
    return Tracked(yaml.safe_dump({"outs": [out]}, sort_keys=False), f"/{name}\n")
