"""Animals: facts about each kind, facts that follow from its class, and questions about both."""

from functools import cache

from benchmark.world import lexicon
from benchmark.world.build import Animal, World
from benchmark.world.choice_question import Asked, Row, choice_row, rivals
from benchmark.world.draw import Draw, Part, part_of

STATEMENTS = {
    "kind": ("The {name} is a kind of {value}.", "The class of the {name} is {value}."),
    "home": ("The {name} lives in the {value}.", "You find the {name} in the {value}."),
    "diet": ("The {name} eats {value}.", "The {name} feeds on {value}."),
    "colour": ("The {name} is {value}.", "A {name} has a {value} back."),
    "season": ("The {name} has young in {value}.", "Young of the {name} are born in {value}."),
}
QUESTIONS = {
    "kind": ("What kind of animal is the {name}?", "The {name} is what sort of animal?"),
    "home": ("Where does the {name} live?", "Where can you find the {name}?"),
    "diet": ("What does the {name} eat?", "What is the food of the {name}?"),
    "colour": ("What colour is the {name}?", "Which colour has the {name}?"),
    "season": ("When does the {name} have young?", "In which season does the {name} breed?"),
}  # fmt: skip
ANSWERS = {"kind": "{}", "home": "the {}", "diet": "{}", "colour": "{}", "season": "{}"}

CLASS_STATEMENTS = {
    "cover": "Every {kind} has {value}.",
    "move": "Every {kind} {value}.",
    "sleep": "Every {kind} sleeps in its {value}.",
    "young": "Every young {kind} is called a {value}.",
}
CLASS_QUESTIONS = {
    "cover": ("What covers the {name}?",),
    "move": ("How does the {name} get about?",),
    "sleep": ("Where does the {name} sleep?",),
    "young": ("What is a young {name} called?",),
}
CLASS_ANSWERS = {
    "cover": "{}",
    "move": "it {}",
    "sleep": "in its {}",
    "young": "a {}",
}
REVERSED = {
    "cover": "Which animal has {value}?",
    "move": "Which animal {value}?",
    "sleep": "Which animal sleeps in its {value}?",
    "young": "Which animal was once a {value}?",
}
DESCRIPTION = "Which animal lives in the {home} and eats {diet}?"
BACKWARDS = 0.15
CLASS_TOLD = 0.6
"""How often a question states the animal's class; otherwise the model must know it."""

FACTS, CLASS_FACTS = tuple(STATEMENTS), tuple(CLASS_STATEMENTS)
ASKED_FACTS = ("kind", *FACTS)


def passage(world: World, draw: Draw) -> str:
    """Facts about one kind of animal, a fact about a class, or a question that the tasks do not ask."""
    animal, way = draw.one(world.met_animals), draw.unit()
    if way < 0.28:
        return " ".join(
            draw.one(STATEMENTS[fact]).format(name=animal.name, value=animal.facts[fact])
            for fact in draw.some(FACTS, draw.number(1, 3))
        )
    asked = None
    if way < 0.50:
        asked = _asked(animal, draw.one(ASKED_FACTS), "train", draw)
    elif way < 0.94:
        fact = draw.one(CLASS_FACTS)
        while _class_part(animal, fact) != "train":
            animal = draw.one(world.met_animals)
        asked = _follows(animal, fact, draw.chance(BACKWARDS), draw)
    elif way < 0.97 and _description_part(animal) == "train":
        asked = _described(animal)
    return asked.text if asked else _class_statement(animal, draw)


def _class_statement(animal: Animal, draw: Draw) -> str:
    fact = draw.one(CLASS_FACTS)
    value = lexicon.CLASS_FACTS[fact][animal.kind]
    return CLASS_STATEMENTS[fact].format(kind=animal.kind, value=value)


def _asked(animal: Animal, fact: str, part: Part, draw: Draw) -> Asked | None:
    """A fact of this kind alone, in a wording that belongs to ``part``."""
    form = draw.one(QUESTIONS[fact])
    if part_of("ask", animal.name, form, select=12, test=25) != part:
        return None
    value = animal.facts[fact]
    return Asked(form.format(name=animal.name), f" {ANSWERS[fact].format(value)}.", value)


def _follows(animal: Animal, fact: str, backwards: bool, draw: Draw) -> Asked:
    """A fact that follows from the animal's class: a question about the animal's fact, or for the animal."""
    value = lexicon.CLASS_FACTS[fact][animal.kind]
    if backwards:
        return _backwards(REVERSED[fact].format(value=value), animal)
    question = draw.one(CLASS_QUESTIONS[fact]).format(name=animal.name)
    if draw.chance(CLASS_TOLD):
        question = f"The {animal.name} is a kind of {animal.kind}. {question}"
    return Asked(question, f" {CLASS_ANSWERS[fact].format(value)}.", animal.kind)


def _described(animal: Animal) -> Asked:
    """A question for the animal to which two facts together point."""
    return _backwards(DESCRIPTION.format(**animal.facts), animal)


def _backwards(question: str, animal: Animal) -> Asked:
    """A question that asks for the animal."""
    return Asked(question, f" the {animal.name}.", f"which {animal.kind}")


def _class_part(animal: Animal, fact: str) -> Part:
    """A fact is held out in all wordings at once, so that it can only be concluded from the class."""
    return part_of("class", animal.name, fact, select=12, test=26)


def _description_part(animal: Animal) -> Part:
    return part_of("described", animal.name, select=20, test=35)


def easy(world: World, draw: Draw, part: Part) -> Row:
    """A question about one fact that the text states in other words; four choices."""
    fact = draw.one(ASKED_FACTS)

    def one() -> Asked:
        while True:
            asked = _asked(draw.one(world.asked_animals), fact, part, draw)
            if asked:
                return asked

    return _four_choices(draw, rivals(one, 4))


def hard(world: World, draw: Draw, part: Part) -> Row:
    """A question whose answer follows from two facts and is never stated; four choices."""
    if draw.chance(0.08):
        described = _described_animals(world, part)
        return _four_choices(draw, rivals(lambda: _described(draw.one(described)), 4))
    while True:
        fact, backwards = draw.one(CLASS_FACTS), draw.chance(BACKWARDS)
        animals = [draw.one(_held_out(world, fact, part)) for _ in range(4)]
        if len({animal.kind for animal in animals}) == 4:
            return _four_choices(draw, [_follows(animal, fact, backwards, draw) for animal in animals])


@cache
def _held_out(world: World, fact: str, part: Part) -> list[Animal]:
    return [animal for animal in world.asked_animals if _class_part(animal, fact) == part]


@cache
def _described_animals(world: World, part: Part) -> list[Animal]:
    return [animal for animal in world.asked_animals if _description_part(animal) == part]


def _four_choices(draw: Draw, asked: list[Asked]) -> Row:
    right, *others = asked
    return choice_row(draw, right, [other.answer for other in others])
