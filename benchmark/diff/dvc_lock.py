"""`dvc.lock`: what every stage was made from, and the digests of its outputs."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.diff.repository import Repository
from benchmark.system.strict_yaml import parse_yaml


@dataclass(frozen=True)
class Lock:
    """The stages of a lock file by name, such as `model@micro-1`."""

    stages: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, content: bytes | None, source: str) -> "Lock":
        """A lock from the file's bytes; None gives a lock without stages."""
        return cls(_stages(content, source) if content else {})

    @property
    def params(self) -> dict[str, Any]:
        """The settings that the stages were made with, as in params.yaml, as far as stages read them."""
        merged: dict[str, Any] = {}
        for body in self.stages.values():
            for values in (body.get("params") or {}).values():
                for key, value in values.items():
                    section, _, name = key.partition(".")
                    if name:
                        merged[section] = {**merged.get(section, {}), name: value}
                    else:
                        merged[section] = value
        return merged

    def outs(self, stage: str) -> dict[str, str]:
        """Digests of a stage's outputs by path; `stage` includes its item, such as `model@micro-1`."""
        return _digests(self.stages.get(stage, {}).get("outs"))

    def code_that_differs(self, other: "Lock", kind: str) -> list[str]:
        """Code whose digest differs, over all stages of a kind that both locks have."""
        differing: set[str] = set()
        for stage in self.stages.keys() & other.stages.keys():
            if stage.partition("@")[0] == kind:
                ours, theirs = (_digests(lock.stages[stage].get("deps")) for lock in (self, other))
                differing |= {
                    path
                    for path in ours.keys() & theirs.keys()
                    if path.startswith("benchmark/") and ours[path] != theirs[path]
                }
        return sorted(differing)


def locks(repository: Repository, track: str) -> tuple[Lock, Lock]:
    """The track's lock at the commit and in the working tree."""
    path = "dvc.lock" if track == "micro" else f"tracks/{track}/dvc.lock"
    return Lock.read(repository.committed(path), path), Lock.read(repository.here(path), path)


@functools.lru_cache(maxsize=2)
def _stages(content: bytes, source: str) -> Mapping[str, Mapping[str, Any]]:
    """The stages in a lock file's bytes. Reading takes a second, and both sides mostly have the same file."""
    return (parse_yaml(content.decode(), source) or {}).get("stages") or {}


def _digests(listed: Any) -> dict[str, str]:
    return {item["path"]: str(item.get("md5", "")) for item in listed or [] if "path" in item}
