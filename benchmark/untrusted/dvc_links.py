"""Symbolic links that DVC makes from tracked data into its cache (`cache.type` symlink)."""

import re
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from benchmark.errors import InputError
from benchmark.system.strict_yaml import read_yaml

# DVC names a file of its cache by the md5 of its content: a link to any other name is not DVC's.
CACHED = re.compile(r"(.+)/[0-9a-f]{2}/[0-9a-f]{30}")
SETTINGS = (".dvc/config*", "dvc.yaml", "params.yaml", "tracks/*/dvc.yaml", "tracks/*/params.yaml")
Stamps = tuple[tuple[str, int], ...]


def cached_file(link: Path) -> Path | None:
    """The file of DVC's cache that a link leads to; None for every link that DVC did not make.

    DVC links files, never folders. It makes such links for data that the link's own repository tracks, and they
    lead into the cache that this repository is configured with.
    """
    try:
        target = link.resolve(strict=True)
        regular = stat.S_ISREG(target.stat().st_mode)
        place = link.parent.resolve(strict=True) / link.name
    except (OSError, RuntimeError):
        return None
    cached = CACHED.fullmatch(target.as_posix())
    root = next((folder for folder in place.parents if (folder / ".dvc").is_dir()), None)
    if not regular or cached is None or root is None:
        return None
    if Path(cached[1]) not in _repository(root, _stamps(root))[0] or not _tracked(place, root):
        return None
    return target


def _tracked(place: Path, root: Path) -> bool:
    """Whether a path is an output of a `.dvc` file or of a stage, or lies in one."""
    above = (place, *(folder for folder in place.parents if folder.is_relative_to(root) and folder != root))
    if any(_has_dvc_file(path) for path in above):
        return True
    return not _repository(root, _stamps(root))[1].isdisjoint(above)


def _has_dvc_file(path: Path) -> bool:
    file = path.with_name(path.name + ".dvc")
    if not file.is_file() or file.is_symlink():
        return False
    try:
        raw = read_yaml(file)
    except InputError:
        return False
    outs = raw.get("outs") if isinstance(raw, dict) else None
    return isinstance(outs, list) and any(
        isinstance(out, dict) and out.get("path") == path.name for out in outs
    )


def _stamps(root: Path) -> Stamps:
    """The settings files of a repository and when each was written; what is cached is valid as long as they are."""
    files = sorted(file for pattern in SETTINGS for file in root.glob(pattern) if file.is_file())
    return tuple((str(file), file.stat().st_mtime_ns) for file in files)


@lru_cache(maxsize=8)
def _repository(root: Path, stamps: Stamps) -> tuple[frozenset[Path], frozenset[Path]]:
    """Resolved folders of a repository's local cache, including those of earlier DVC versions, and its stages' outputs.

    Each is empty if DVC cannot read it.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    caches = outputs = frozenset[Path]()
    with suppress(DvcException), Repo(str(root)) as repo:
        caches = frozenset(Path(cache.path).resolve() for cache in (repo.cache.local, repo.cache.legacy))
        outputs = frozenset(Path(out.fs_path) for out in repo.index.outs)
    return caches, outputs
