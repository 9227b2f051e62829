"""The inputs from which the results of both sides were made: settings, code and attestations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.diff.dvc_lock import Lock
from benchmark.diff.repository import Repository
from benchmark.store.tracks import params_name
from benchmark.system.strict_yaml import parse_yaml

STAGES = ("corpus", "model", "base", "posttrain", "score")
"""The stages of dvc.yaml in the order in which they depend on each other."""
NAMED = ("models", "corpora", "arms")
"""Sections of the settings with one entry per name."""
WHOLE = ("posttrain", "evaluation", "checkpoints", "scoring", "claims")
"""Sections that affect all rows; `track` and `execution` change no figure."""


@dataclass(frozen=True)
class Inputs:
    """Where the inputs of two sides differ.

    `named` has the names whose entry differs by section of `NAMED`, `whole` the sections of `WHOLE` that differ, `code`
    files or folders by stage, and `said` describes all of it in words. `declared` has the names in the working tree's
    settings; None for a track without settings.
    """

    named: Mapping[str, frozenset[str]]
    whole: frozenset[str]
    code: Mapping[str, tuple[str, ...]]
    attested: bool
    said: tuple[str, ...]
    declared: Mapping[str, frozenset[str]] | None = None

    def __bool__(self) -> bool:
        return bool(any(self.named.values()) or self.whole or self.code or self.attested)


def inputs(repository: Repository, track: str, locks: tuple[Lock, Lock]) -> Inputs:
    """Compare settings, code and attestations of the working tree with the commit's, and both sides' dvc.lock.

    The lock says from what the results were made. It differs if a change was committed before it was run.
    """
    path = params_name(track)
    texts = repository.committed(path), repository.here(path)
    settings = [parse_yaml(text.decode(), path) or {} if text else {} for text in texts]
    differing = _settings(path, *settings)
    if all(lock.params for lock in locks):
        differing = _settings("dvc.lock", *(lock.params for lock in locks)) | differing
    named = {section: frozenset(name for part, name in differing if part == section) for section in NAMED}
    named["arms"] |= _soups(named["arms"], settings)
    code = _code(repository, locks, STAGES if any(texts) else ("score",))
    said = list(differing.values())
    if code:
        files = sorted({file for of_stage in code.values() for file in of_stage})
        more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
        said.append(f"{files[0]}{more} (code of {', '.join(code)})")
    attested = bool(repository.changed([f"attestations/{track}"]))
    said += [f"attestations/{track}"] if attested else []
    whole = frozenset(section for section, _ in differing) & set(WHOLE)
    declared = {section: frozenset(settings[1].get(section) or {}) for section in NAMED}
    return Inputs(named, whole, code, attested, tuple(said), declared if texts[1] else None)


def _settings(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """What differs, in words, by section and name; the name is empty for a section of `WHOLE`."""
    differing = {}
    for section in NAMED:
        old, new = before.get(section) or {}, after.get(section) or {}
        for name in sorted(old.keys() | new.keys()):
            how = "is new" if name not in old else "is gone" if name not in new else "changed"
            if old.get(name) != new.get(name):
                differing[section, name] = f"{path}: {section}.{name} {how}"
    for section in WHOLE:
        if before.get(section) != after.get(section):
            differing[section, ""] = f"{path}: {section} changed"
    return differing


def _soups(arms: frozenset[str], settings: Iterable[Mapping[str, Any]]) -> set[str]:
    """The arms that average runs of `arms`."""
    return {
        name
        for side in settings
        for name, arm in (side.get("arms") or {}).items()
        if isinstance(arm, Mapping) and arm.get("of") in arms
    }


def _code(
    repository: Repository, locks: tuple[Lock, Lock], kinds: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Changed code by stage: files below the stage's `deps` in dvc.yaml, or code that both sides' dvc.lock differ in.

    A track without settings has no stages: `kinds` is then the one stage whose code computes it.
    """
    text = repository.here("dvc.yaml")
    stages = (parse_yaml(text.decode(), "dvc.yaml") or {}).get("stages", {}) if text else {}
    found: dict[str, tuple[str, ...]] = {}
    for kind in kinds:
        body = stages.get(kind) or {}
        listed = (body.get("do") or body).get("deps") or []
        deps = [dep for dep in listed if isinstance(dep, str) and dep.startswith("benchmark/")]
        files = (repository.changed(deps) if deps else []) or locks[0].code_that_differs(locks[1], kind)
        if files:
            found[kind] = tuple(files)
    return found
