"""The committed digests, by part and name, and the CPUs on which they were seen."""

import json
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.system.files import write_json

TABLE = Path(__file__).with_name("digests.json")
Digests = dict[str, dict[str, str]]


def read_table(path: Path = TABLE) -> dict[str, Any]:
    """The table: `arithmetic`, `digests` by part, and `seen`, one item per machine.

    Raises:
        InputError: the table is missing or cannot be read.
    """
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}): `git checkout` it") from None
    return table


def first_difference(committed: Digests, found: Digests) -> str | None:
    """The first name whose digest differs, in the order of `found`; None where all agree."""
    for part, digests in found.items():
        for name, digest in digests.items():
            known = committed.get(part, {}).get(name)
            if known is None:
                return f"{part}: {name} is not in the table"
            if known != digest:
                return f"{part}: {name} gives {digest}, the table has {known}"
    return None


def record(found: Digests, machine: dict[str, Any], arithmetic: str, path: Path = TABLE) -> None:
    """Write the digests of `found` into the table, and add `machine` with its `parts` to the machines that gave them.

    A machine is listed with the parts that it confirmed. If the digests of a part change, earlier machines lose it.
    """
    table: dict[str, Any] = read_table(path) if path.is_file() else {"digests": {}, "seen": []}
    changed = {part for part in found if first_difference(table["digests"], {part: found[part]}) is not None}
    parts = {str(one["cpu"]): set(one["parts"]) - changed for one in table["seen"]}
    parts[str(machine["cpu"])] = parts.get(str(machine["cpu"]), set()) | set(machine["parts"])
    machines = {str(one["cpu"]): one for one in (*table["seen"], machine)}
    seen = [machines[cpu] | {"parts": sorted(parts[cpu])} for cpu in sorted(machines) if parts[cpu]]
    write_json(path, {"arithmetic": arithmetic, "digests": table["digests"] | found, "seen": seen})
