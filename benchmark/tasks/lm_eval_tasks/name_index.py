"""Which YAML file defines each task, group and tag of the installed lm-eval, read once per installation.

lm-eval itself parses its fourteen thousand files at each start, which takes a quarter of a minute.
"""

import contextlib
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import lm_eval.tasks
from lm_eval.tasks._index import Entry, Kind, TaskIndex

from benchmark.public_data.public_files import cache_folder
from benchmark.system.files import write_text

OWN_TASKS = Path(lm_eval.tasks.__file__).parent


def lm_eval_index() -> dict[str, Entry]:
    """lm-eval's entries by name, from a cache that is written again if any of its files changes."""
    path = cache_folder() / "lm_eval" / f"{_installation()}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = {
            name: [
                entry.kind.name,
                entry.yaml_path and str(entry.yaml_path.relative_to(OWN_TASKS)),
                sorted(entry.tags),
            ]
            for name, entry in TaskIndex.build([OWN_TASKS]).items()
        }
        with contextlib.suppress(OSError):
            write_text(path, json.dumps(stored))
    return {
        name: Entry(name, Kind[kind], None if file is None else OWN_TASKS / file, tags=set(tags))
        for name, (kind, file, tags) in stored.items()
    }


def folder_index(folder: Path) -> dict[str, Entry]:
    """The entries of a folder of one's own."""
    found: dict[str, Entry] = TaskIndex.build([folder])
    return found


def _installation() -> str:
    """A digest of the version and of the names, sizes and times of all YAML files."""
    total = hashlib.sha256(version("lm_eval").encode())
    for file in sorted(OWN_TASKS.rglob("*.yaml")):
        about = file.stat()
        total.update(f"{file.relative_to(OWN_TASKS)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return total.hexdigest()
