"""What the families of a suite are called, as its `_suite.yaml` declares it: the one place for their words.

`metadata.families` gives by family a `label` (two or three words, such as on a chart) and what its `score` is. A family
that no suite here declares is called by its name, with blanks for hyphens.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class FamilyWords:
    """A family's label, and what its score is, as in "mean accuracy"."""

    label: str
    score: str = "score"

    @property
    def inside(self) -> str:
        """The label inside a sentence: in lower case, except words in capital letters."""
        return " ".join(word if word.isupper() else word.lower() for word in self.label.split())


def family_words(suite: str, families: Iterable[str]) -> dict[str, FamilyWords]:
    """The words of each of `families`, in their order; `suite` may have a number of shots or a version behind it."""
    declared = _declared(_base(suite))
    return {family: declared.get(family, FamilyWords(_capital(family))) for family in families}


def family_labels(suite: str, families: Iterable[str]) -> dict[str, str]:
    """The label of each of `families` inside a sentence, in their order."""
    return {family: words.inside for family, words in family_words(suite, families).items()}


def _base(suite: str) -> str:
    """The folder's name in `suite`, `suite-5shot`, `suite@version` or `suite-original`; the name itself without one."""
    name = re.split(r"@|-\d+shot$", suite)[0]
    folders = sorted((path.parent.name for path in _FOLDER.glob("*/_suite.yaml")), key=len, reverse=True)
    return next((one for one in folders if name == one or name.startswith(f"{one}-")), name)


def _capital(family: str) -> str:
    said = family.replace("-", " ").replace("_", " ")
    return said[:1].upper() + said[1:]


@functools.cache
def _declared(suite: str) -> Mapping[str, FamilyWords]:
    path = _FOLDER / suite / "_suite.yaml"
    if not re.fullmatch(r"[\w.-]+", suite) or not path.is_file():
        return {}
    metadata = yaml.safe_load(path.read_text(encoding="utf-8")).get("metadata") or {}
    given = metadata.get("families") or {}
    return {str(family): FamilyWords(**words) for family, words in given.items()}
