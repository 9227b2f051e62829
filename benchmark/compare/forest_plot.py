"""A forest plot as SVG: a point and an interval per row, without any program to draw it."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

ROW, LEFT, WIDTH, RIGHT, TOP, BOTTOM = 22, 230, 460, 190, 12, 44
TICKS, TINY = 6, 1e-12


def forest_plot(rows: Sequence[Mapping[str, Any]], title: str, axis: str) -> str:
    """An SVG of `delta` with `ci_low` to `ci_high` by `scope`, verdicts beside it; summaries are diamonds.

    A row without an interval shows its point alone. All text is escaped.
    """
    ends = [float(row[name]) for row in rows for name in ("delta", "ci_low", "ci_high")]
    known = [0.0, *(end for end in ends if math.isfinite(end))]
    low, high = min(known), max(known)
    pad = 0.06 * (high - low) or 0.01
    low, high = low - pad, high + pad

    def x(value: float) -> float:
        return LEFT + WIDTH * (value - low) / (high - low)

    bottom = TOP + ROW * len(rows)
    height, width = bottom + BOTTOM, LEFT + WIDTH + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(title)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{LEFT + WIDTH}" y2="{bottom}"/>',
        f'<line class="zero" x1="{x(0):.1f}" y1="{TOP}" x2="{x(0):.1f}" y2="{bottom}"/>',
    ]
    for tick in _ticks(low, high):
        parts.append(
            f'<line class="axis" x1="{x(tick):.1f}" y1="{bottom}" x2="{x(tick):.1f}" y2="{bottom + 4}"/>'
        )
        parts.append(f'<text x="{x(tick):.1f}" y="{bottom + 17}" text-anchor="middle">{_signed(tick)}</text>')
    parts.append(
        f'<text x="{LEFT + WIDTH / 2}" y="{bottom + 36}" text-anchor="middle">{html.escape(axis)}</text>'
    )
    for number, row in enumerate(rows):
        parts += _row(row, TOP + ROW * (number + 0.5), x)
    return "\n".join([*parts, "</svg>"])


def _row(row: Mapping[str, Any], y: float, x: Any) -> list[str]:
    name, kind = str(row["scope"]), "task" if row["kind"] == "task" else "summary"
    shown = name if len(name) <= 32 else name[:31] + "…"
    value, low, high = (float(row[column]) for column in ("delta", "ci_low", "ci_high"))
    parts = [
        f'<text class="{kind}" x="{LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">{html.escape(shown)}</text>',
        f'<text class="{kind}" x="{LEFT + WIDTH + 12}" y="{y + 4:.1f}">{html.escape(str(row["verdict"]))}</text>',
    ]
    interval = "no interval"
    if math.isfinite(low) and math.isfinite(high):
        parts.append(f'<line class="{kind}" x1="{x(low):.1f}" y1="{y:.1f}" x2="{x(high):.1f}" y2="{y:.1f}"/>')
        interval = f"{low:+.4f} to {high:+.4f}"
    at, half = x(value), 6 if kind == "summary" else 4
    if kind == "summary":
        corners = f"M{at - half:.1f} {y:.1f}L{at:.1f} {y - half:.1f}L{at + half:.1f} {y:.1f}L{at:.1f} {y + half:.1f}Z"
        shape = f'<path class="{kind}" d="{corners}">'
        end = "</path>"
    else:
        shape = f'<circle class="{kind}" cx="{at:.1f}" cy="{y:.1f}" r="{half}">'
        end = "</circle>"
    parts.append(f"{shape}<title>{html.escape(name)}: {value:+.4f} ({interval})</title>{end}")
    return parts


def _signed(tick: float) -> str:
    return f"{tick:+.3g}" if abs(tick) > TINY else "0"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between `low` and `high`, `TICKS` or somewhat fewer."""
    raw = (high - low) / TICKS
    scale = 10 ** math.floor(math.log10(raw))
    step = next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= raw)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
