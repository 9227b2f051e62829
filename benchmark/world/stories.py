"""Short stories to keep track of: who is where with what, who did what to whom, who has which thing."""

from collections.abc import Sequence

from benchmark.world import lexicon
from benchmark.world.choice_question import Asked, Row, choice_row, rivals
from benchmark.world.draw import Draw, Part, part_of, zipf_table

NAMES = (*lexicon.WOMEN[:12], *lexicon.MEN[:12])

PRONOUN = {name: "She" if name in lexicon.WOMEN else "He" for name in NAMES}
TOLD: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("{who} has the {value}.", "Does {who} have the {value}?", lexicon.GOODS),
    ("{who} is in the {value}.", "Is {who} in the {value}?", lexicon.PLACES),
    ("{who} likes {value}.", "Does {who} like {value}?", lexicon.PEOPLE_FACTS["food"]),
    ("{who} wears {value}.", "Does {who} wear {value}?", lexicon.PEOPLE_FACTS["colour"]),
)

DEEDS = (
    ("carried {b} home", "was strong", "was hurt"),
    ("waited for {b}", "came early", "came late"),
    ("paid {b}", "owed money", "did the work"),
    ("cooked for {b}", "liked to cook", "was hungry"),
    ("ran from {b}", "was afraid", "was angry"),
    ("taught {b} to read", "had read much", "had no school"),
    ("thanked {b}", "had got help", "had been kind"),
    ("beat {b} in the race", "ran fast", "ran slowly"),
    ("asked {b} for the way", "was lost", "knew the town"),
    ("woke {b}", "could not sleep", "slept too long"),
    ("forgave {b}", "was patient", "was sorry"),
    ("followed {b}", "came behind", "went ahead"),
)
ROLES = ("It was done by", "It was done to")
ROLE_ASKED = 0.5
"""How often a story asks who acted, or on whom; otherwise it asks for general knowledge of the two roles."""
TRIPS = ("Today {name} went to the {place} and saw the", "In the {place} today {name} found the")
MET_PLACES = zipf_table(tuple(lexicon.SIGHTS), 0.8, offset=2)
MET_DEEDS = zipf_table(DEEDS, 1.0, offset=2)


def passage(draw: Draw) -> str:
    """A story of one of the kinds below, with a combination of people that the tasks do not use."""
    way = draw.unit()
    if way < 0.36:
        row = sight(draw, "train") if way < 0.12 else where(draw, "train")
        return f"{row['context']}{row['choices'][row['label']]}"
    if way < 0.72:
        row = pronoun(draw, "train")
        return str(row["sentence"]).replace("_", row[f"option{row['answer']}"])
    row = reading(draw, "train")
    return f"Context: {row['context']}\nQuestion: {row['question']}\nAnswer: {row['answer']}"


def sight(draw: Draw, part: Part) -> Row:
    """Somebody goes somewhere and does what one does there."""

    def one() -> Asked:
        while True:
            name, place = draw.one(NAMES), draw.one(MET_PLACES)
            if part_of("sight", name, place) == part:
                told = draw.one(TRIPS).format(name=name, place=place)
                return Asked(told, f" {lexicon.SIGHTS[place]}.", f"sight: {place}")

    right, *others = rivals(one, 4)
    return choice_row(draw, right, [other.answer for other in others])


def _pair(key: str, draw: Draw, part: Part) -> tuple[str, str]:
    while True:
        a, b = draw.one(NAMES), draw.one(NAMES)
        if a != b and part_of(key, a, b) == part:
            return a, b


def where(draw: Draw, part: Part) -> Row:
    """Two people with a thing each walk about, or a thing changes hands: where, or with whom, is it now?"""
    a, b = _pair("story", draw, part)
    x, y = draw.some(lexicon.GOODS, 2)
    if draw.chance(0.4):
        c, d = draw.some([name for name in NAMES if name not in (a, b)], 2)
        told = draw.shuffled([f"{a} gave the {x} to {b}.", f"{c} gave the {y} to {d}."])
        thing, right = draw.one([(x, b), (y, d)])
        wrong = [f" {name}." for name in (a, b, c, d) if name != right]
        context = f"Today {told[0]} Then {told[1]} Now the {thing} is with"
        return choice_row(draw, Asked(context, f" {right}.", f"with, {_told_at(told, thing)}"), wrong)
    p, q, r, s = draw.some(lexicon.PLACES, 4)
    first = f"{a} took the {x} from the {p} to the {q}."
    second = f"{b} took the {y} from the {r} to the {s}."
    told = draw.shuffled([first, second])
    thing, right = draw.one([(x, q), (y, s)])
    wrong = [f" the {place}." for place in (p, q, r, s) if place != right]
    context = f"Today {told[0]} Then {told[1]} Now the {thing} is in"
    return choice_row(draw, Asked(context, f" the {right}.", f"in, {_told_at(told, thing)}"), wrong)


def _told_at(told: Sequence[str], thing: str) -> str:
    """The position of the sentence with ``thing`` among the two of the story."""
    return "told first" if f" the {thing} " in told[0] else "told last"


def pronoun(draw: Draw, part: Part) -> Row:
    """A sentence with a blank that one of two people fills: ``{sentence, option1, option2, answer}``."""
    deed, *traits = draw.one(MET_DEEDS)
    of_first, of_second = (
        ROLES if draw.chance(ROLE_ASKED) else (f"The one who {trait} was" for trait in traits)
    )
    a, b = _pair(deed, draw, part)
    which, right = draw.one([(of_first, a), (of_second, b)])
    options = draw.shuffled([a, b])
    return {
        "sentence": f"Once {a} {deed.format(b=b)}. {which} _.",
        "option1": options[0],
        "option2": options[1],
        "answer": str(options.index(right) + 1),
        "cluster": which,
    }


def reading(draw: Draw, part: Part) -> Row:
    """Two facts about a person; is a third true? yes, no, or maybe if the text does not say."""
    name = draw.one(NAMES)
    while True:
        told = draw.some(TOLD, 2)
        values = [draw.one(values) for _, _, values in told]
        if part_of("reading", name, *sorted(values)) == part:
            break
    context = " ".join(
        form.format(who=who, value=value)
        for who, (form, _, _), value in zip((f"Today {name}", PRONOUN[name]), told, values, strict=True)
    )
    answer = draw.one(("yes", "no", "maybe"))
    place = draw.number(0, 1)
    if answer == "maybe":
        _, question, others = draw.one([item for item in TOLD if item not in told])
        value = draw.one(others)
    else:
        _, question, others = told[place]
        value = values[place]
        if answer == "no":
            value = draw.one([other for other in others if other != value])
    asked = question.format(who=name, value=value)
    return {"context": context, "question": asked, "answer": answer, "cluster": f"{question} {answer}"}
