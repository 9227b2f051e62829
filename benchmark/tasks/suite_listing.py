"""The tasks and families of a suite of this repository, by name, without loading lm-eval."""

import re
from pathlib import Path

import yaml

from benchmark.errors import InputError
from benchmark.settings.names import nearest

_FOLDER = Path(__file__).resolve().parent


def suite_listing(suite: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tasks and families of `suite`, whose name may have a number of shots behind it.

    Raises:
        InputError: there is no such suite.
    """
    files = {path.parent.name: path for path in _FOLDER.glob("*/_suite.yaml")}
    name = re.sub(r"-\d+shot$", "", suite)
    if name not in files:
        raise InputError(f"evaluation.suite: no suite '{suite}'{nearest(name, files)}")
    group = yaml.safe_load(files[name].read_text(encoding="utf-8"))
    return tuple(group["task"]), tuple(group["metadata"]["families"])
