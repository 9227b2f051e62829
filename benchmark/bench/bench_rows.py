"""Rows of ``bench.json``: our figure, the peer's figure, their ratio and its bound."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.system.files import write_text


@dataclass(frozen=True)
class Bound:
    """A bound on a ratio: at least or at most ``value``."""

    kind: str
    value: float

    def holds(self, ratio: float) -> bool:
        """Whether a ratio keeps the bound."""
        return ratio >= self.value if self.kind == "at least" else ratio <= self.value

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}"


def at_least(value: float) -> Bound:
    """The ratio must reach ``value``."""
    return Bound("at least", value)


def at_most(value: float) -> Bound:
    """The ratio must not exceed ``value``."""
    return Bound("at most", value)


@dataclass(frozen=True)
class Row:
    """``ratio`` is peer / ours for speed-ups, ours / peer for overheads; ``spread`` its range over repetitions."""

    ours: float
    peer: float
    ratio: float
    spread: float
    unit: str
    bound: Bound | None = None

    @property
    def holds(self) -> bool:
        """Whether the bound is kept; rows without one always hold."""
        return self.bound is None or self.bound.holds(self.ratio)

    def to_json(self) -> dict[str, object]:
        """As written to ``bench.json``."""
        names = ("ours", "peer", "ratio", "spread", "unit")
        written: dict[str, object] = {name: getattr(self, name) for name in names}
        return written if self.bound is None else written | {"bound": str(self.bound), "holds": self.holds}


def speedup(ours: Sequence[float], peer: Sequence[float], unit: str, bound: Bound | None = None) -> Row:
    """How many times faster: medians, and the range of the ratio over repetitions taken in turn."""
    return _row(ours, peer, [theirs / mine for mine, theirs in _turns(ours, peer)], unit, bound)


def overhead(ours: Sequence[float], peer: Sequence[float], unit: str, bound: Bound | None = None) -> Row:
    """How many times slower: medians, and the range of the ratio over repetitions taken in turn."""
    return _row(ours, peer, [mine / theirs for mine, theirs in _turns(ours, peer)], unit, bound)


def counted(ours: float, peer: float, unit: str, bound: Bound | None = None) -> Row:
    """Ours / peer of two counts; the spread is 0."""
    return Row(ours, peer, ours / peer, 0.0, unit, bound)


def _turns(ours: Sequence[float], peer: Sequence[float]) -> list[tuple[float, float]]:
    """Pairs of repetitions; if the peer was measured fewer times, it is compared with our median."""
    if len(ours) == len(peer):
        return list(zip(ours, peer, strict=True))
    return [(statistics.median(ours), theirs) for theirs in peer]


def _row(
    ours: Sequence[float], peer: Sequence[float], ratios: Sequence[float], unit: str, bound: Bound | None
) -> Row:
    mine, theirs, ratio = (statistics.median(values) for values in (ours, peer, ratios))
    return Row(mine, theirs, ratio, max(ratios) - min(ratios), unit, bound)


def table(rows: Mapping[str, Row]) -> str:
    """The rows as a table to read."""
    lines = [f"{'benchmark':44} {'ours':>11} {'peer':>11} {'ratio':>8} {'spread':>7}  unit, bound"]
    for name, row in rows.items():
        bound = "" if row.bound is None else f", {row.bound}{'' if row.holds else ': MISSED'}"
        figures = f"{row.ours:11.4g} {row.peer:11.4g} {row.ratio:8.3g} {row.spread:7.2g}"
        lines.append(f"{name:44} {figures}  {row.unit}{bound}")
    return "\n".join(lines)


def write(rows: Mapping[str, Row], folder: Path) -> None:
    """Write ``bench.json`` atomically."""
    content = {name: row.to_json() for name, row in rows.items()}
    write_text(folder / "bench.json", json.dumps(content, indent=2) + "\n")
