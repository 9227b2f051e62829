"""The families of a track's tasks, as its tables have them, and what they are called on every page."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from benchmark.schema.stored_columns import ALL
from benchmark.settings.run_options import EvaluationOptions
from benchmark.store.tracks import params_name
from benchmark.tasks.family_words import FamilyWords, family_words
from leaderboard.display.columns import Column, family_columns
from leaderboard.site import track_data

ALL_TASKS = "All tasks"


@dataclass(frozen=True)
class TaskFamilies:
    """Families that have scores of their own, in the suite's order, with their words; none where there is one."""

    words: Mapping[str, FamilyWords]

    @property
    def names(self) -> list[str]:
        """The families' names."""
        return list(self.words)

    @property
    def scopes(self) -> list[str]:
        """`all`, then the families."""
        return [ALL, *self.words]

    @property
    def separate(self) -> list[str]:
        """The scopes of single families: `all` where there is one family."""
        return self.names or [ALL]

    def label(self, scope: str) -> str:
        """A scope in words; a task by its name."""
        if scope == ALL:
            return ALL_TASKS
        return self.words[scope].label if scope in self.words else scope

    def inside(self, scope: str) -> str:
        """A scope in words inside a sentence."""
        if scope == ALL:
            return ALL_TASKS.lower()
        return self.words[scope].inside if scope in self.words else scope

    def in_order(self, found: Iterable[str]) -> list[str]:
        """The scopes that occur: all, the families, then the tasks by name, `task-2` before `task-10`."""
        present = {scope for scope in found if isinstance(scope, str)}
        tasks = sorted(present - set(self.scopes), key=_numbers_by_value)
        return [s for s in self.scopes if s in present] + tasks

    def columns(self) -> dict[str, Column]:
        """The columns that a table may have for each family."""
        return family_columns({name: (words.label, words.score) for name, words in self.words.items()})


def _numbers_by_value(name: str) -> tuple[list[tuple[str, int]], str]:
    """A key that puts `task-2` before `task-10`."""
    return [(words, int(digits or -1)) for words, digits in re.findall(r"(\D*)(\d*)", name)], name


def of_track(track: str) -> TaskFamilies:
    """The families of a track's tables."""
    names = [family.name for family in track_data.families(track) if family.name != ALL]
    return TaskFamilies(family_words(suite(track), names))


def settings(track: str) -> dict[str, Any]:
    """The track's parameters; empty where there are none or they cannot be read."""
    if not re.fullmatch(r"[\w-]+", track):
        return {}
    try:
        content = yaml.safe_load((track_data.ROOT / params_name(track)).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def suite(track: str) -> str:
    """The name of the track's suite, from its parameters, or the version of the suite that its tables name."""
    given = settings(track)
    if given:
        evaluation = given.get("evaluation")
        named = evaluation.get("suite") if isinstance(evaluation, dict) else None
        named = named.get("name") if isinstance(named, dict) else named
        return str(named or EvaluationOptions.model_fields["suite"].default)
    entries = track_data.table(track, "entries.csv")
    if not entries.has("suite_version"):
        return ""
    return str(entries.data.column("suite_version")[0].as_py() or "").split("@")[0]
