"""Plain data from YAML 1.2 written by strangers: no tags, no aliases, no key twice, of limited size.

YAML 1.2 as DVC reads it; PyYAML by itself reads YAML 1.1. Numbers that the two read differently are `OddNumber`.
ruamel.yaml is not used: it refuses a key that is given twice, but allows aliases.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from benchmark.errors import InputError

MAX_BYTES = 1_000_000


class OddNumber(str):
    """The text of a number that not every reader of YAML takes for the same, such as `010` or `1_000`."""


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without anchors: an alias could grow a small file without bound."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise ConstructorError(None, None, "aliases are not allowed", None)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                raise ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "bool": "true|True|TRUE|false|False|FALSE",
    "int": "[-+]?(0|[1-9][0-9]*)",
    "float": r"[-+]?([0-9]+(\.[0-9]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|\.[0-9]+([eE][-+][0-9]+)?|\.(inf|Inf|INF))"
    r"|\.(nan|NaN|NAN)",
    "odd": r"[-+]?(0[0-9]+|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9.]+_[0-9._]*([eE][-+]?[0-9]+)?|\.[0-9]+[eE][0-9]+)",
}
"""How YAML 1.2 writes what is not text."""


class PlainDumper(yaml.SafeDumper):
    """Writes text in quotes where YAML 1.1 or 1.2 would read it as something else."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, known) for tag, known in resolvers if tag.removeprefix(_TAG) not in _SCALARS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern in _SCALARS.items():
    for _class in (_PlainLoader, PlainDumper):
        _class.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$"), list("tTfF-+.0123456789"))
_PlainLoader.add_constructor(_TAG + "odd", lambda _, node: OddNumber(node.value))


def parse_yaml(text: str, source: str) -> Any:
    """Plain data from YAML; tags, aliases and keys given twice are refused.

    Raises:
        InputError: the text is not plain YAML.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise InputError(f"{source}: not plain YAML: {' '.join(str(error).split())[:200]}") from None


def read_yaml(path: Path) -> Any:
    """Plain data from a YAML file of at most 1 MB.

    Raises:
        InputError: the file is missing, too large, not UTF-8 or not plain YAML.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror
        raise InputError(f"{path}: cannot be read ({why}): name an existing settings file") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: {len(data)} bytes, more than {MAX_BYTES}: give a short settings file")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8: save it as UTF-8") from None
    return parse_yaml(text, str(path))
