"""Lasting facts about people: stated in sentences, and completed from memory."""

from benchmark.world.build import Person, World
from benchmark.world.choice_question import Asked, Row, choice_row, rivals
from benchmark.world.draw import Draw, Part, part_of

STATEMENTS = {
    "town": ("{who} lives in {value}.", "{who} comes from {value}."),
    "job": ("{who} is a {value}.", "{who} works as a {value}."),
    "pet": ("{who} has a {value}.", "{who} keeps a {value}."),
    "food": ("{who} likes {value}.", "{who} eats {value}."),
    "music": ("{who} plays the {value}.", "{who} owns a {value}."),
    "colour": ("{who} wears {value}.", "{who} loves {value}."),
}
COMPLETIONS = {
    "town": ("Later {who} went home to", "Later {who} took the train to"),
    "job": ("We all know {who}, the", "For years {who} has been a"),
    "pet": ("At home {who} was met by the", "In the evening {who} fed the"),
    "food": ("At the market {who} asked for", "For supper {who} made"),
    "music": ("At the feast {who} played the", "We heard {who} and the"),
    "colour": ("Later {who} put on something", "Later {who} painted the door"),
}
FACTS = tuple(STATEMENTS)


def statement(person: Person, fact: str, who: str, draw: Draw) -> str:
    """One sentence that states ``fact``."""
    return draw.one(STATEMENTS[fact]).format(who=who, value=person.facts[fact])


def passage(world: World, draw: Draw) -> str:
    """One to three facts about somebody, or a completion that the tasks do not use."""
    person = draw.one(world.met_people)
    if draw.chance(0.4):
        fact = draw.one(FACTS)
        form = draw.one(COMPLETIONS[fact])
        if part_of("complete", person.name, fact, form) == "train":
            return f"{form.format(who=person.name)} {person.facts[fact]}."
    facts = draw.some(FACTS, draw.number(1, 3))
    told = [statement(person, fact, f"Now {person.name}" if i == 0 else person.pronoun, draw)
            for i, fact in enumerate(facts)]  # fmt: skip
    return " ".join(told)


def completion(world: World, draw: Draw, part: Part) -> Row:
    """The beginning of a sentence about a person; its end is a fact that the text states in other words."""
    fact = draw.one(FACTS)

    def one() -> Asked:
        while True:
            person, form = draw.one(world.asked_people), draw.one(COMPLETIONS[fact])
            if part_of("complete", person.name, fact, form) == part:
                value = person.facts[fact]
                return Asked(form.format(who=person.name), f" {value}.", f"{fact}: {value}")

    right, *others = rivals(one, 4)
    return choice_row(draw, right, [other.answer for other in others])
