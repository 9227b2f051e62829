"""Dialogues: getting to know each other, sympathy, and answers from general knowledge."""

from benchmark.world import lexicon
from benchmark.world.build import Person, World
from benchmark.world.choice_question import Row
from benchmark.world.draw import Draw, Part, part_of

FACT_NOUNS = {
    "town": "home", "job": "work", "pet": "pet", "food": "food", "music": "music", "colour": "colour",
}  # fmt: skip
OWN = {
    "town": "from {}", "job": "a {}", "pet": "my {}", "food": "some {}", "music": "the {}", "colour": "in {}",
}  # fmt: skip
OF_OTHERS = {
    "town": "lives in {}", "job": "is a {}", "pet": "has a {}", "food": "eats {}", "music": "plays the {}",
    "colour": "wears {}",
}  # fmt: skip
OF_ANIMALS = {
    "kind": "a kind of {}", "home": "in the {}", "diet": "eats {}", "colour": "all {}", "season": "young in {}",
}  # fmt: skip
ANIMAL_NOUNS = {"kind": "class", "home": "home", "diet": "food", "colour": "colour", "season": "season"}
OPENINGS = (
    "I saw a {name}.", "We met a {name}.", "My uncle drew a {name}.", "I dreamt of a {name}.",
    "She wrote about the {name}.", "He heard of the {name}.",
)  # fmt: skip

KIN = ["mother", "father", "sister", "brother", "uncle", "aunt", "cousin", "friend", "teacher", "neighbour"]
OWNED = (*lexicon.PEOPLE_FACTS["pet"], *lexicon.GOODS)
EVENTS = (
    ("My {kin} broke my {thing}.", "You must be angry with your {kin}. Can you mend the {thing}?"),
    ("I lost the {thing} of my {kin}.", "You must feel bad. Tell your {kin} that the {thing} is gone."),
    ("My {kin} gave me a {thing}.", "How nice of your {kin}! Take good care of the {thing}."),
    ("The {thing} of my {kin} was stolen.", "That is sad for your {kin}. I hope the {thing} comes back."),
    ("I won a {thing} and my {kin} saw it.", "You can be proud! Your {kin} will want the {thing} too."),
    (
        "I must tell my {kin} that the {thing} is old.",
        "Do not be afraid. Your {kin} knows about the {thing}.",
    ),
    (
        "My {kin} has no time to look at my {thing}.",
        "You must feel alone. Show me the {thing} without your {kin}.",
    ),
    ("My {kin} will bring the {thing} tomorrow.", "You must be excited! Thank your {kin} for the {thing}."),
    (
        "I took the {thing} and my {kin} was blamed.",
        "You feel guilty. Say sorry to your {kin} about the {thing}.",
    ),
    (
        "My {kin} forgot the {thing} again.",
        "How annoying! Next time your {kin} should write down the {thing}.",
    ),
)


def render(turns: list[str]) -> str:
    """The dialogue as in the tasks' prompts: one line per turn, after ``User 1:`` or ``User 2:``."""
    return "\n".join(f"User {1 + i % 2}: {turn}" for i, turn in enumerate(turns))


def passage(world: World, draw: Draw) -> str:
    """A dialogue of one of the kinds below that the tasks do not contain."""
    kind = draw.unit()
    if kind < 0.3:
        row = persona(world, draw, "train")
    elif kind < 0.5:
        row = empathy(draw, "train")
    elif kind < 0.78:
        row = about_people(world, draw, "train")
    else:
        row = about_animals(world, draw, "train")
    return render(row["turns"])


def persona(world: World, draw: Draw, part: Part) -> Row:
    """A speaker gives a name and is asked a question; the answer is a fact that the text states about that person."""
    person, first, second = _person_and_facts(world, draw, part, "persona")
    question = f"What are your {FACT_NOUNS[first]} and your {FACT_NOUNS[second]}?"
    turns = [f"I am {person.name}.", question, _tell(OWN, person.facts, first, second)]
    return {"turns": turns, "cluster": person.name}


def _person_and_facts(world: World, draw: Draw, part: Part, kind: str) -> tuple[Person, str, str]:
    table = world.met_people if part == "train" else world.asked_people
    while True:
        person, (first, second) = draw.one(table), draw.some(tuple(FACT_NOUNS), 2)
        if part_of(kind, person.name, first, second) == part:
            return person, first, second


def _tell(forms: dict[str, str], facts: dict[str, str], first: str, second: str) -> str:
    told = f"{forms[first].format(facts[first])}, {forms[second].format(facts[second])}."
    return told[0].upper() + told[1:]


def empathy(draw: Draw, part: Part) -> Row:
    """Something happened to a person; the answer names the feeling and refers to the person and the event."""
    while True:
        (said, answer), kin, thing = draw.one(EVENTS), draw.one(KIN), draw.one(OWNED)
        if part_of("empathy", said, kin, thing, select=15, test=35) == part:
            turns = [said.format(kin=kin, thing=thing), answer.format(kin=kin, thing=thing)]
            return {"turns": turns, "cluster": said}


def about_people(world: World, draw: Draw, part: Part) -> Row:
    """A question about a person; the answer gives two facts from memory."""
    person, first, second = _person_and_facts(world, draw, part, "talk")
    question = f"Tell me the {FACT_NOUNS[first]} and {FACT_NOUNS[second]} of {person.name}."
    turns = [question, _tell(OF_OTHERS, person.facts, first, second)]
    return {"turns": turns, "cluster": person.name}


def about_animals(world: World, draw: Draw, part: Part) -> Row:
    """A question about an animal; the answer gives two facts from memory."""
    table = world.met_animals if part == "train" else world.asked_animals
    while True:
        animal, opening = draw.one(table), draw.one(OPENINGS)
        first, second = draw.some(tuple(OF_ANIMALS), 2)
        if part_of("talk", animal.name, opening, first, second) == part:
            break
    nouns = f"its {ANIMAL_NOUNS[first]} and its {ANIMAL_NOUNS[second]}"
    question = f"{opening.format(name=animal.name)} What are {nouns}?"
    turns = [question, _tell(OF_ANIMALS, animal.facts, first, second)]
    return {"turns": turns, "cluster": f"{first}, {second}"}
