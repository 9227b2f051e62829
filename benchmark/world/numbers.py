"""Counting things: small sums as word problems of one or two steps."""

from benchmark.world import lexicon
from benchmark.world.choice_question import Asked, Row, choice_row, rivals
from benchmark.world.draw import Draw, Part, part_of

NAMES = (
    *((name, "she") for name in lexicon.WOMEN[:12]),
    *((name, "he") for name in lexicon.MEN[:12]),
)
LARGEST = 10
N_CHOICES = 5

PROBLEMS = {
    "plus": "Today {name} has {a} {things} and gets {b} more. How many has {who} now?",
    "minus": "Today {name} has {a} {things} and gives away {b}. How many has {who} now?",
    "times": "Today {name} has {a} bags of {b} {things}. How many has {who} now?",
    "plus minus": "Today {name} has {a} {things}, gets {b} and gives away {c}. How many has {who} now?",
    "plus plus": "Today {name} has {a} {things}, gets {b} and finds {c}. How many has {who} now?",
}
WEIGHTED = (*("plus",) * 4, *("minus",) * 4, "times", "plus minus", "plus plus")
BARE = ("plus", "minus", "times")


def passage(draw: Draw) -> str:
    """A plain sum, or a problem that the tasks do not contain."""
    kind = draw.one(WEIGHTED)
    if draw.chance(0.3) and kind in BARE:
        a, b, _ = _counts(kind, draw)
        return f"What is {a} {kind} {b}?\n{_result(kind, a, b, 0)}"
    return _problem(kind, "train", draw).text


def _counts(kind: str, draw: Draw) -> tuple[int, int, int]:
    """Counts of a problem whose result lies from 1 to ``LARGEST``."""
    if kind == "times":
        a = draw.number(2, 4)
        return a, draw.number(2, LARGEST // a), 0
    if kind == "minus":
        a = draw.number(2, LARGEST)
        return a, min(draw.number(1, a - 1), draw.number(1, a - 1)), 0
    if kind == "plus minus":
        total = draw.number(3, LARGEST)
        a = draw.number(2, total - 1)
        return a, total - a, draw.number(1, total - 1)
    if kind == "plus":
        result = draw.number(3, LARGEST)
        b = min(draw.number(1, result - 2), draw.number(1, result - 2))
        return result - b, b, 0
    result = draw.number(4, LARGEST)
    a = draw.number(2, result - 2)
    b = draw.number(1, result - a - 1)
    return a, b, result - a - b


def _result(kind: str, a: int, b: int, c: int) -> int:
    if kind == "times":
        return a * b
    if kind == "minus":
        return a - b
    return a + b - c if kind == "plus minus" else a + b + c


def _part(kind: str, counts: tuple[int, int, int], things: str) -> Part:
    """Two steps are held out by their numbers, one step by numbers and things together."""
    return part_of("sum", kind, counts) if kind.startswith("plus ") else part_of("sum", kind, counts, things)


def _problem(kind: str, part: Part, draw: Draw) -> Asked:
    while True:
        counts, things = _counts(kind, draw), draw.one(lexicon.COUNTED)
        if _part(kind, counts, things) == part:
            break
    (a, b, c), (name, who) = counts, draw.one(NAMES)
    text = PROBLEMS[kind].format(name=name, who=who, things=things, a=a, b=b, c=c)
    result = str(_result(kind, a, b, c))
    return Asked(f"{text}\n", result, result)


def counting(draw: Draw, part: Part) -> Row:
    """A problem with five numbers to choose from, all of them results of such problems."""
    right, *others = rivals(lambda: _problem(draw.one(WEIGHTED), part, draw), N_CHOICES)
    return choice_row(draw, right, [other.answer for other in others])
