"""Things and what they are made of: which tool works on them, and what happens to them."""

from collections.abc import Callable, Sequence

from benchmark.world import lexicon
from benchmark.world.choice import Row, choice_row, rivals
from benchmark.world.draw import Draw, Part, part_of, zipf_table

THINGS = [(name, material) for material, names in lexicon.THINGS.items() for name in names]
# One thing of each material in turn, so that the first ranks hold every material.
BY_RANK = [
    (names[rank], material)
    for rank in range(10)
    for material, names in lexicon.THINGS.items()
    if rank < len(names)
]
MET, ASKED = zipf_table(BY_RANK, 1.4, offset=5), zipf_table(BY_RANK, 1.2, offset=5)
VERBS, EVENTS = zipf_table(list(lexicon.TOOLS), 1.0), zipf_table(list(lexicon.EFFECTS), 1.0)

GOALS = (
    "How do you {verb} the {thing}?",
    "You have to {verb} the {thing}.",
)
Pair = tuple[str, str]


def passage(draw: Draw) -> str:
    """What a thing is made of, a tool at work, or an event and its effect, where the tasks do not ask it."""
    (thing, material), way = draw.one(MET), draw.unit()
    if way < 0.47:
        verb = draw.one(VERBS)
        if _tool_part(verb, thing) == "train":
            return "".join(_goal(verb, thing, material, draw))
    elif way < 0.95:
        event = draw.one(EVENTS)
        if _effect_part(event, thing) == "train":
            return "".join(_event(event, thing, material, backwards=draw.chance(0.4)))
    return f"The {thing} is made of {material}."


def _tool_part(verb: str, thing: str) -> Part:
    return part_of("tool", verb, thing, select=15, test=30)


def _effect_part(event: str, thing: str) -> Part:
    return part_of("effect", event, thing, select=15, test=30)


def _goal(verb: str, thing: str, material: str, draw: Draw) -> Pair:
    return draw.one(GOALS).format(verb=verb, thing=thing), f" Use the {lexicon.TOOLS[verb][material]}."


def _event(event: str, thing: str, material: str, *, backwards: bool) -> Pair:
    effect = lexicon.EFFECTS[event][material]
    if backwards:
        return f"The {thing} {effect}.", f" It {event}."
    return f"The {thing} {event}.", f" It {effect}."


def physical(draw: Draw, part: Part) -> Row:
    """A goal and two tools: the other tool is for another thing, or for another purpose."""
    return _two_choices(draw, _contrast(VERBS, _tool_part, _goal, draw, part, draw.chance(0.65)))


def cause(draw: Draw, part: Part) -> Row:
    """An event and two effects, or an effect and two events."""
    backwards = draw.chance(0.4)

    def pair(event: str, thing: str, material: str, _draw: Draw) -> Pair:
        return _event(event, thing, material, backwards=backwards)

    return _two_choices(
        draw, _contrast(EVENTS, _effect_part, pair, draw, part, backwards or draw.chance(0.5))
    )


def _contrast(
    deeds: Sequence[str],
    part_of_deed: Callable[[str, str], Part],
    pair: Callable[[str, str, str, Draw], Pair],
    draw: Draw,
    part: Part,
    same_thing: bool,
) -> list[Pair]:
    """Two pairs of that part with one thing and two deeds, or with one deed and two things."""
    while True:
        (thing, material), deed = draw.one(ASKED), draw.one(deeds)
        if same_thing:
            pool = [(other, thing, material) for other in sorted(set(deeds))]
        else:
            pool = [(deed, *other) for other in THINGS]
        pool = [item for item in pool if part_of_deed(*item[:2]) == part]
        answers = {pair(*item, draw)[1] for item in pool}
        if len(answers) > 1:
            return rivals(lambda: pair(*draw.one(pool), draw), 2)


def _two_choices(draw: Draw, pairs: list[Pair]) -> Row:
    (context, right), (_, wrong) = pairs
    return choice_row(draw, context, right, [wrong])
