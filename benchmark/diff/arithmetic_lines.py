"""Whether two sets of results were computed with the same arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.diff.two_sides import Sides, provenance

LIKE_MACHINE = ("cpu_flags_sha256", "gpu")
"""What machines must have in common if results do not name their arithmetic."""


@dataclass(frozen=True)
class Arithmetic:
    """Whether both sides have the same arithmetic: if so, `how` says why; if not, `expected` says what differs."""

    same: bool
    how: str
    before: str
    after: str
    versions: str

    @property
    def expected(self) -> str:
        """What differs between the two, in words."""
        if self.versions:
            return f"package versions differ ({self.versions})"
        return f"another arithmetic ({self.after} here, {self.before} there)"


def arithmetic(sides: Sides) -> Arithmetic:
    """Compare the arithmetic in the provenance of the two sides.

    The names of the arithmetic decide. If neither side has a name, the machines decide: they need the same CPU flags
    and GPU. Package versions must agree in either case, and a side without provenance is never the same.
    """
    facts = [provenance(files) for files in (sides.before, sides.after)]
    names = [str(each["arithmetic"]) if "arithmetic" in each else "" for each in facts]
    hardware = [each.get("hardware", {}) for each in facts]
    if any(names):
        alike, how = names[0] == names[1], f"under the same arithmetic, {names[0]}"
    else:
        alike = all(hardware[0].get(key) == hardware[1].get(key) for key in LIKE_MACHINE)
        how = "on a similar machine"
    versions = _versions(*(each.get("packages", {}) for each in facts)) if all(facts) else ""
    said = [name or machine(each) for name, each in zip(names, facts, strict=True)]
    return Arithmetic(all(facts) and alike and not versions, how, said[0], said[1], versions)


def machine(facts: Mapping[str, Any]) -> str:
    """The machine that a provenance names."""
    hardware = facts.get("hardware", {})
    named = [f"{key} {hardware[key]}" for key in ("cpu", "cores", "system", "gpu") if hardware.get(key)]
    return ", ".join(named) or "an unknown machine"


def _versions(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return ", ".join(f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}" for name in names)
