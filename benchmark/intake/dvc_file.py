"""Track files with DVC, as `dvc add` does, while they are still in a staging folder."""

import hashlib
import logging
import re
from pathlib import Path

import yaml

from benchmark.errors import CheckFailed, InputError
from benchmark.system.strict_yaml import read_yaml

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
NUMBER = re.compile(r"[0-9]{1,15}")
PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,100}", re.ASCII)


def track(root: Path, staged: Path) -> None:
    """Put `staged` into the DVC cache of the repository at `root`; write its `.dvc` file and a `.gitignore` beside it.

    Raises:
        InputError: `root` is not a DVC repository.
        CheckFailed: the cache cannot be written.
    """
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.transfer import transfer

    for library in ("dvc", "dvc_data", "dvc_objects"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        with Repo(str(root)) as repo:
            cache = repo.cache.local
            built, meta, content = build(cache, str(staged), cache.fs, "md5")
            failed = transfer(built, cache, {content.hash_info}, hardlink=False, shallow=False).failed
    except NotDvcRepoError:
        raise InputError(f"{root}: not a DVC repository: run `dvc init` there") from None
    except DvcException as error:
        raise CheckFailed(f"nothing was submitted: DVC says {' '.join(str(error).split())}") from None
    if failed:
        raise CheckFailed("nothing was submitted: DVC's cache could not be written: free some space")
    out: dict[str, object] = {"md5": content.hash_info.value, "size": meta.size}
    if meta.isdir:
        out["nfiles"] = meta.nfiles
    out |= {"hash": "md5", "path": staged.name}
    dvc_file = yaml.safe_dump({"outs": [out]}, sort_keys=False)
    staged.with_name(f"{staged.name}.dvc").write_text(dvc_file, encoding="utf-8")
    staged.with_name(".gitignore").write_text(f"/{staged.name}\n", encoding="utf-8")


def check_dvc_file(path: Path, data: Path | None = None) -> None:
    """Raise InputError unless a `.dvc` file is of the kind that `track` writes, and fits `data`.

    Any other `.dvc` file is refused: it may import from elsewhere.
    """
    raw = read_yaml(path)
    outs = raw.get("outs") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or raw.keys() != {"outs"} or not isinstance(outs, list) or len(outs) != 1:
        raise InputError(f"{path}: expected 'outs' with one file or folder, nothing else: submit again")
    out = outs[0]
    wanted = {"md5": MD5, "size": NUMBER, "nfiles": NUMBER, "hash": re.compile("md5"), "path": PLAIN_NAME}
    if not isinstance(out, dict) or not {"md5", "size", "hash", "path"} <= out.keys() <= wanted.keys():
        raise InputError(f"{path}: outs needs md5, size, hash and path, nothing else: submit again")
    for key, value in out.items():
        if not isinstance(value, str | int) or not wanted[key].fullmatch(str(value)):
            raise InputError(f"{path}: {key} is {value!r:.80}: submit again")
    if f"{out['path']}.dvc" != path.name:
        raise InputError(f"{path}: describes {out['path']!r:.80}, another file: submit again")
    if data is not None and data.is_file():
        with data.open("rb") as file:
            if hashlib.file_digest(file, "md5").hexdigest() != out["md5"]:
                raise InputError(f"{path}: {data.name} has another md5: submit again")
