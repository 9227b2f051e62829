"""Things and what they are made of: which tool works on them, and what happens to them."""

from collections.abc import Callable, Sequence
from functools import partial

from benchmark.world import lexicon
from benchmark.world.choice_question import Asked, Row, choice_row, rivals
from benchmark.world.draw import Draw, Part, part_of, zipf_table

THINGS = [(name, material) for material, names in lexicon.THINGS.items() for name in names]
# One thing of each material in turn, so that the first ranks include every material.
BY_RANK = [
    (names[rank], material)
    for rank in range(10)
    for material, names in lexicon.THINGS.items()
    if rank < len(names)
]
MET, ASKED = zipf_table(BY_RANK, 1.4, offset=5), zipf_table(BY_RANK, 1.2, offset=5)
VERBS, EVENTS = zipf_table(list(lexicon.TOOLS), 1.3), zipf_table(list(lexicon.EFFECTS), 1.3)

GOALS = ("How do you {verb} the {thing}?", "You have to {verb} the {thing}.")
TIMES = ("Once", "Today", "Later")
MATERIAL_TOLD = 0.5
"""How often a thing is named with its material; otherwise the model must know it."""


def passage(draw: Draw) -> str:
    """A thing's material, a tool in use, or an event and its effect, if the tasks do not ask it."""
    (thing, material), way = draw.one(MET), draw.unit()
    if way < 0.08:
        return f"The {thing} is made of {material}."
    while True:
        if way < 0.54:
            verb = draw.one(VERBS)
            if _tool_part(verb, thing) == "train":
                return _goal(verb, thing, material, draw).text
        else:
            event = draw.one(EVENTS)
            if _effect_part(event, thing) == "train":
                return _event(event, thing, material, draw, backwards=draw.chance(0.4)).text
        thing, material = draw.one(MET)


def _tool_part(verb: str, thing: str) -> Part:
    return part_of("tool", verb, thing, select=10, test=22)


def _effect_part(event: str, thing: str) -> Part:
    return part_of("effect", event, thing, select=10, test=22)


def _named(thing: str, material: str, draw: Draw) -> str:
    return f"{material} {thing}" if draw.chance(MATERIAL_TOLD) else thing


def _goal(verb: str, thing: str, material: str, draw: Draw) -> Asked:
    goal = draw.one(GOALS).format(verb=verb, thing=_named(thing, material, draw))
    tool = lexicon.TOOLS[verb][material]
    return Asked(goal, f" Use the {tool}.", tool)


def _event(event: str, thing: str, material: str, draw: Draw, *, backwards: bool) -> Asked:
    subject = f"{draw.one(TIMES)} the {_named(thing, material, draw)}"
    effect = lexicon.EFFECTS[event][material]
    if backwards:
        return Asked(f"{subject} {effect}.", f" It {event}.", event)
    return Asked(f"{subject} {event}.", f" It {effect}.", effect)


def physical(draw: Draw, part: Part) -> Row:
    """A goal and two tools: the other tool is for another thing, or for another purpose."""
    return _two_choices(draw, _contrast(VERBS, _tool_part, _goal, draw, part, draw.chance(0.65)))


def cause(draw: Draw, part: Part) -> Row:
    """An event and two effects, or an effect and two events."""
    backwards = draw.chance(0.4)

    def pair(event: str, thing: str, material: str, draw: Draw) -> Asked:
        return _event(event, thing, material, draw, backwards=backwards)

    return _two_choices(
        draw, _contrast(EVENTS, _effect_part, pair, draw, part, backwards or draw.chance(0.5))
    )


def _contrast(
    deeds: Sequence[str],
    part_of_deed: Callable[[str, str], Part],
    pair: Callable[[str, str, str, Draw], Asked],
    draw: Draw,
    part: Part,
    same_thing: bool,
) -> list[Asked]:
    """Two pairs of that part with one thing and two deeds, or with one deed and two things."""
    while True:
        (thing, material), deed = draw.one(ASKED), draw.one(deeds)
        if same_thing:
            pool = [(other, thing, material) for other in sorted(set(deeds))]
        else:
            pool = [(deed, *other) for other in THINGS]
        pool = [item for item in pool if part_of_deed(*item[:2]) == part]
        if len({pair(*item, draw).answer for item in pool}) > 1:
            return rivals(partial(_drawn, pair, pool, draw), 2)


def _drawn(
    pair: Callable[[str, str, str, Draw], Asked], pool: Sequence[tuple[str, str, str]], draw: Draw
) -> Asked:
    return pair(*draw.one(pool), draw)


def _two_choices(draw: Draw, pairs: list[Asked]) -> Row:
    right, wrong = pairs
    return choice_row(draw, right, [wrong.answer])
