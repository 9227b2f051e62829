"""Words and figures for readers: names from data are escaped, and numbers are rounded by their uncertainty."""

import math
import re
import unicodedata
from collections.abc import Sequence

VERDICTS = {
    "superior": "▲ superior",
    "comparable": "≈ comparable",
    "inferior": "▼ inferior",
    "negligible": "≪ negligible",
    "inconclusive": "? inconclusive",
    "no data": "– no data",
    "no test": "– no test",
}
"""Icon and word, so that no verdict is shown by colour alone; in the order in which verdicts are tried."""

OUTCOMES = {
    "reproduced": "✔ reproduced",
    "not reproduced": "✘ not reproduced",
    "inconclusive": "? inconclusive",
    "not testable": "∅ not testable",
    "cannot tell": "? cannot tell",
    "no data": "– no data",
}
MARGIN = "half the gap to the larger model, unless the track sets another share"
"""The margin of `comparable` (`scoring.margin`), as the pages explain it."""
DOCUMENTS_ALONE = "texts and draws"
"""In the column `conditional`; `statistics.contrast` has it too, but would load scipy into the server."""
GIVEN = {
    "": "● other models and texts too",
    "draws": "◐ this pretrained model",
    DOCUMENTS_ALONE: "○ these runs only",
}
"""What a figure is valid for, by what it takes as given (the column `conditional`)."""
GIVEN_WORDS = {
    "draws": "These figures are about **one pretrained model** of this size. Another training of the same "
    "size could differ, and the intervals do not include that.",
    DOCUMENTS_ALONE: "These figures rest on **documents alone**: there are fewer than three texts or "
    "pretraining draws. The intervals say how much other questions would change, not what another text or "
    "another pretrained model would do. Such an entry has no rank, and no claim uses it.",
}
"""The same as a caption."""
ANSWERED = {"True": "✔ yes", "False": "✘ no"}
ORIGINS = {"trained": "● trained here", "kept": "◐ kept scores", "refused": "✘ refused"}
STATES = {"self-reported": "○ self-reported", "reproduced": "✔ reproduced", "flagged": "⚑ flagged"}

_BACKTICKS = re.compile(r"`+")
_FORMULA = re.compile(r"^\s*[=+\-@\t\r]")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def visible(text: object, keep: str = "") -> str:
    """The text with line breaks as ↵ and control and direction-changing characters as escapes; `keep` stays."""
    given = str(text)
    if given.isascii() and given.isprintable():
        return given
    return "".join(one if one in keep else _shown(one) for one in given)


def _shown(character: str) -> str:
    if character == "\n":
        return "↵"
    hidden = (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in "\u200c\u200d"
    )
    return f"\\u{ord(character):04x}" if hidden else character


def plain(text: object) -> str:
    """Text from data for a place that reads Markdown: a code span, inside which nothing is interpreted.

    Backslashes are not enough: emoji and icon names, arrows and bare addresses are replaced after Markdown's own
    escapes are resolved.
    """
    shown = visible(text)
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    if not shown.strip():
        return "` `" if shown else "`(empty)`"
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def csv_cell(value: object) -> object:
    """A text cell that a spreadsheet would run as a formula, with an apostrophe before it.

    A lone sign and anything that reads as a number stay as they are (`-` is the text_id of a base model).
    """
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    bare = value.strip()
    return value if len(bare) <= 1 or _NUMBER.match(bare) else f"'{value}"


def missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN or a missing-value marker."""
    return value is None or value != value or str(value) in ("<NA>", "NaT")


def decimals(low: object, high: object) -> int:
    """Decimals at which half the interval's width keeps two significant digits (1 to 6; 3 where there is none)."""
    if missing(low) or missing(high):
        return 3
    half = abs(float(high) - float(low)) / 2  # type: ignore[arg-type]
    if not math.isfinite(half) or half == 0:
        return 3
    return min(6, max(1, 1 - math.floor(math.log10(half))))


def number(value: object, places: int = 3, *, signed: bool = False) -> str:
    """A figure with fixed decimals and a true minus sign; a dash if there is none."""
    if missing(value):
        return "–"
    figure = float(value)  # type: ignore[arg-type]
    if not math.isfinite(figure):
        return "not finite"
    shown = f"{figure:+.{places}f}" if signed else f"{figure:.{places}f}"
    if float(shown) == 0:
        shown = shown.lstrip("+-")
    return shown.replace("-", "−")


def whole(value: object) -> int:
    """A count; 0 where there is none."""
    return 0 if missing(value) else int(float(value))  # type: ignore[arg-type]


def interval(low: object, high: object, *, signed: bool = False, places: int | None = None) -> str:
    """`+0.004 to +0.020`; a dash where there is no interval."""
    if missing(low) or missing(high):
        return "–"
    places = decimals(low, high) if places is None else places
    return f"{number(low, places, signed=signed)} to {number(high, places, signed=signed)}"


def size(parameters: object) -> str:
    """A number of parameters in two or three digits: `350M`, `1.3B`, `500k`, `70k`."""
    if missing(parameters):
        return "–"
    count = float(parameters)  # type: ignore[arg-type]
    if not math.isfinite(count) or count <= 0:
        return "–"
    unit, letter = (1e9, "B") if count >= 9.995e8 else (1e6, "M") if count >= 999_500 else (1e3, "k")
    scaled = count / unit
    if scaled >= 100:
        return f"{scaled:.0f}{letter}"
    places = max(0, 1 - math.floor(math.log10(scaled)))
    return f"{scaled:.{places}f}{letter}"


def behaves_like(own: object, effective: object, low: object, high: object, note: object) -> str:
    """`500k behaves like 1.1M (95 % 800k to 1.6M)`; the note says where the ladder ends."""
    remark = "" if missing(note) else str(note)
    if missing(effective):
        if remark == "below the ladder":
            most = "" if missing(high) else f" (95 % at most {size(high)})"
            return f"less than the smallest model{most}"
        return {"no ladder": "no ladder to measure on"}.get(remark, remark or "–")
    bound = {"beyond the ladder": "at least ", "below the ladder": "at most "}.get(remark, "")
    span = size_interval(low, high, note)
    return f"{size(own)} behaves like {bound}{size(effective)}{f' (95 % {span})' if span != '–' else ''}"


def size_interval(low: object, high: object, note: object) -> str:
    """`800k to 1.6M`; an end that the ladder cut off as `≤70k` or `≥6.7B`."""
    remark = "" if missing(note) else str(note)
    if missing(low) and not missing(high) and "below" in remark:
        return f"at most {size(high)}"
    if missing(low) or missing(high):
        return "–"
    cut_low = "below" in remark or "both ends" in remark
    cut_high = "beyond the ladder" in remark or "both ends" in remark
    return f"{'≤' if cut_low else ''}{size(low)} to {'≥' if cut_high else ''}{size(high)}"


def rank_range(low: object, high: object) -> str:
    """`2 to 5`, or one number if both ends are equal."""
    if missing(low) or missing(high):
        return "–"
    first, last = int(float(low)), int(float(high))  # type: ignore[arg-type]
    return str(first) if first == last else f"{first} to {last}"


def share(value: object, low: object = None, high: object = None) -> str:
    """A share in percent with its interval: `34 % (12 % to 60 %)`; a dash where there is none."""
    if missing(value):
        return "–"
    ends = "" if missing(low) or missing(high) else f" ({_percent(low)} to {_percent(high)})"
    return f"{_percent(value)}{ends}"


def _percent(value: object) -> str:
    return f"{number(100 * float(value), 0)} %"  # type: ignore[arg-type]


def counted(count: int, one: str, many: str = "") -> str:
    """`1 text`, `40 texts`, `1,200 texts`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def in_words(count: int) -> str:
    """`two`, `twelve`, `13`, `1,200`: a small number inside a sentence as a word."""
    return _WORDS[count] if 0 <= count < len(_WORDS) else f"{count:,}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
