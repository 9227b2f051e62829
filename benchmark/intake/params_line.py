"""Add an entry to a settings file as one new line, or take one away; every other byte stays."""

from collections.abc import Iterator
from typing import Any

import yaml

from benchmark.errors import InputError
from benchmark.settings.load import validate
from benchmark.system.strict_yaml import PlainDumper, parse_yaml


def insert_entry(text: str, section: str, name: str, entry: dict[str, Any], source: str) -> str:
    """The text of a `params.yaml` with `name: entry` at the end of `section` (`corpora` or `models`).

    Raises:
        InputError: the section is not written as a block, or the settings with the new entry are refused.
    """
    lines = text.splitlines(keepends=True)
    last, indent = _end_of_section(text, section, source)
    line = f"{' ' * indent}{name}: {flow(entry)}"
    end = "\r\n" if lines[last].endswith("\r\n") else "\n"
    if lines[last].endswith("\n"):
        new = "".join([*lines[: last + 1], line + end, *lines[last + 1 :]])
    else:
        new = text + end + line
    before, after = parse_yaml(text, source), parse_yaml(new, source)
    if after != {**before, section: {**before[section], name: entry}}:
        raise InputError(
            f"{source}: cannot add to '{section}' without changing something else: indent it by spaces"
        )
    validate(after, source)
    return new


def remove_entry(text: str, section: str, name: str, source: str) -> str:
    """The text of a `params.yaml` without the entry `name` of `section` and the comment on its lines.

    Raises:
        InputError: the section has no such entry, its last one cannot go, or the settings without it are refused.
    """
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    entries = [value for key, value in getattr(document, "value", ()) if key.value == section]
    if not entries or not isinstance(entries[0], yaml.MappingNode) or entries[0].flow_style:
        raise InputError(f"{source}: write '{section}:' with one entry per line below it, not in braces")
    found = [(key, value) for key, value in entries[0].value if key.value == name]
    if not found:
        raise InputError(f"{source}: no '{name}' under '{section}': nothing to remove")
    key, value = found[0]
    end = _last(value).end_mark
    last = end.line - (end.column == 0)
    lines = text.splitlines(keepends=True)
    new = "".join([*lines[: key.start_mark.line], *lines[last + 1 :]])
    before, after = parse_yaml(text, source), parse_yaml(new, source)
    left = {other: entry for other, entry in before[section].items() if other != name}
    if not left or after != {**before, section: left}:
        raise InputError(f"{source}: cannot take '{name}' from '{section}' without changing something else")
    used = next(_places(after.get("claims"), name, "claims"), None)
    if used:
        raise InputError(f"{source}: {section}.{name} is still needed by {used}: take it out there first")
    try:
        validate(after, source)
    except InputError as error:
        raise InputError(f"{section}.{name} is still needed: {error}") from None
    return new


def _places(value: Any, name: str, where: str) -> Iterator[str]:
    """Keys below `where` that are, or whose values are, `name`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield where
            yield from _places(inner, name, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner, name, where)
    elif value == name:
        yield where


def flow(entry: dict[str, Any]) -> str:
    """A mapping as YAML on one line."""
    return yaml.dump(
        entry,
        Dumper=PlainDumper,
        default_flow_style=True,
        sort_keys=False,
        width=1_000_000_000,
        allow_unicode=False,
    ).strip()


def _end_of_section(text: str, section: str, source: str) -> tuple[int, int]:
    """Number of the last line of the section's last entry, and the indent of its entries."""
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(document, yaml.MappingNode):
        raise InputError(f"{source}: expected a mapping of sections such as 'models' and 'corpora'")
    for key, value in document.value:
        if key.value != section:
            continue
        if not isinstance(value, yaml.MappingNode) or value.flow_style or not value.value:
            raise InputError(f"{source}: write '{section}:' with one entry per line below it, not in braces")
        mark = _last(value).end_mark
        return mark.line - (mark.column == 0), value.value[0][0].start_mark.column
    raise InputError(f"{source}: no section '{section}': add it with one entry per line below it")


def _last(node: yaml.Node) -> yaml.Node:
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node
