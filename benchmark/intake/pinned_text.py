"""Write commits into a settings file in place of branches and tags; every other byte stays."""

import copy
import re
from collections.abc import Mapping
from typing import Any

import yaml

from benchmark.errors import InputError
from benchmark.system.strict_yaml import parse_yaml

Path = tuple[str | int, ...]


def pinned_text(text: str, commits: Mapping[Path, str], source: str) -> str:
    """The text of a `params.yaml` with `revision: <commit>` in the mapping at each path.

    A revision that is not written out is added behind the `id`, on its line where the mapping is in braces.

    Raises:
        InputError: the commits cannot be written without changing something else.
    """
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    edits: list[tuple[int, int, str]] = []
    for path, commit in commits.items():
        entry = _node_at(document, path)
        fields = {key.value: value for key, value in entry.value}
        written = commit if re.search("[abcdf]", commit) else f"'{commit}'"  # otherwise YAML reads a number
        if "revision" in fields:
            node = fields["revision"]
            edits.append((node.start_mark.index, node.end_mark.index, written))
        else:
            end = fields["id"].end_mark.index
            line_end = "\r\n" if "\r\n" in text else "\n"
            indent = " " * entry.value[0][0].start_mark.column
            between = ", " if entry.flow_style else line_end + indent
            edits.append((end, end, f"{between}revision: {written}"))
    new = text
    for start, end, written in sorted(edits, reverse=True):
        new = new[:start] + written + new[end:]
    try:
        written_right = parse_yaml(new, source) == _with_commits(parse_yaml(text, source), commits)
    except InputError:
        written_right = False
    if not written_right:
        raise InputError(
            f"{source}: the commits cannot be written into it: write out `revision: main` in each entry"
        )
    return new


def _node_at(document: Any, path: Path) -> Any:
    node = document
    for part in path:
        if isinstance(part, int):
            node = node.value[part]
        else:
            node = next(value for key, value in node.value if key.value == part)
    return node


def _with_commits(raw: dict[str, Any], commits: Mapping[Path, str]) -> dict[str, Any]:
    changed = copy.deepcopy(raw)
    for path, commit in commits.items():
        entry: Any = changed
        for part in path:
            entry = entry[part]
        entry["revision"] = commit
    return changed
