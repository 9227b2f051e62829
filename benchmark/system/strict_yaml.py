"""Plain data from YAML written by strangers: no tags, no aliases, no key twice, of limited size.

ruamel.yaml is not used: it refuses a key that is given twice, but allows aliases.
"""

from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from benchmark.errors import InputError

MAX_BYTES = 1_000_000


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
