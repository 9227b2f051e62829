"""The world itself: its people and animals, their lasting facts, and how often the text mentions each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmark.world import lexicon
from benchmark.world.draw import Draw, zipf_table

WORLD_SEED = 1
"""Facts are drawn once: pretraining text, tasks and corpora of every seed are about the same world."""

N_PEOPLE = 200


@dataclass(frozen=True)
class Person:
    """A person with one value for each of ``lexicon.PEOPLE_FACTS``."""

    name: str
    pronoun: str
    facts: dict[str, str]


@dataclass(frozen=True)
class Animal:
    """A kind of animal: its class, and the facts that are true of this kind only."""

    name: str
    kind: str
    facts: dict[str, str]


@dataclass(frozen=True, eq=False)
class World:
    """All people and animals; the ``met`` tables repeat them as often as the text mentions them."""

    people: tuple[Person, ...]
    animals: tuple[Animal, ...]
    met_people: Sequence[Person]
    met_animals: Sequence[Animal]
    asked_people: Sequence[Person]
    asked_animals: Sequence[Animal]


@lru_cache(maxsize=1)
def the_world() -> World:
    """Build the world; ``asked`` tables are flatter than ``met`` ones, so that tasks reach rare facts too."""
    draw = Draw(f"world {WORLD_SEED}")
    people = tuple(_people(draw))
    animals = tuple(_animals(draw))
    return World(
        people,
        animals,
        met_people=zipf_table(people, 1.3, offset=4),
        met_animals=zipf_table(animals, 1.3, offset=3),
        asked_people=zipf_table(people, 1.2, offset=4),
        asked_animals=zipf_table(animals, 1.2, offset=3),
    )


def _people(draw: Draw) -> list[Person]:
    names = [(first, family) for first in (*lexicon.WOMEN, *lexicon.MEN) for family in lexicon.FAMILY_NAMES]
    women = frozenset(lexicon.WOMEN)
    return [
        Person(
            f"{first} {family}",
            "She" if first in women else "He",
            {fact: draw.one(values) for fact, values in lexicon.PEOPLE_FACTS.items()},
        )
        for first, family in draw.some(names, N_PEOPLE)
    ]


def _animals(draw: Draw) -> list[Animal]:
    kinds = [(name, kind) for kind, names in lexicon.ANIMALS.items() for name in names]
    return [
        Animal(
            name,
            kind,
            {
                "kind": kind,
                "home": draw.one(lexicon.HOMES[kind]),
                "diet": draw.one(lexicon.DIETS[kind]),
                "colour": draw.one(lexicon.PEOPLE_FACTS["colour"]),
                "season": draw.one(lexicon.SEASONS),
            },
        )
        for name, kind in draw.shuffled(kinds)
    ]
