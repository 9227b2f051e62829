"""The two sides of a comparison: a track's results at the commit and in the working tree."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.diff.repository import Repository

PROVENANCE = "provenance.json"
"""Says who made the results and when. It differs every time and is not a result."""

FLOW = (
    "corpora.json",
    "texts.parquet",
    "documents.parquet",
    "draws.csv",
    "runs.csv",
    "run_curves.csv",
    "curves.csv",
    "scores.csv",
    "entries.csv",
    "comparisons.csv",
    "pairs.csv",
    "sensitivity.csv",
    "familiarity.csv",
    "profile.csv",
    "claims.json",
)
"""Files of `results/<track>/` in the order in which they depend on each other."""

LINE_ENDS = (
    "only line ends differ: git wrote them on checkout; set `git config core.autocrlf false` and check the files "
    "out again (`git rm --cached -r -q . && git reset --hard`, which drops changes that are not committed)"
)


@dataclass(frozen=True)
class Sides:
    """Files of `results/<track>/` by name, before (at the commit) and after (in the working tree)."""

    track: str
    repository: Repository
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]

    @classmethod
    def of(cls, repository: Repository, track: str) -> "Sides":
        """Both sides of a track; a side without the folder has no files."""
        prefix = f"results/{track}/"
        before = {}
        for path in repository.names(prefix):
            content = repository.committed(path)
            if content is not None:
                before[path.removeprefix(prefix)] = content
        folder = repository.root / "results" / track
        after = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
        return cls(track, repository, before, after)

    @property
    def compared(self) -> list[str]:
        """Names of all files of either side except the provenance, in the order of `FLOW`."""
        names = (self.before.keys() | self.after.keys()) - {PROVENANCE}
        return sorted(names, key=lambda name: (FLOW.index(name) if name in FLOW else len(FLOW), name))

    @property
    def missing(self) -> list[str]:
        """Names of files that the commit has and the working tree does not."""
        return [name for name in self.compared if name not in self.after]

    @property
    def changed(self) -> list[str]:
        """Names of files that differ by a byte, or that one side lacks."""
        return [name for name in self.compared if self.before.get(name) != self.after.get(name)]

    @property
    def line_ends(self) -> list[str]:
        """Names of files that both sides have and that differ only in their line ends."""
        return [
            name
            for name in self._of_both
            if not name.endswith((".parquet", ".png")) and _unix(self.before[name]) == _unix(self.after[name])
        ]

    @property
    def both(self) -> list[str]:
        """Names of files that both sides have and whose content differs."""
        same = set(self.line_ends)
        return [name for name in self._of_both if name not in same]

    @property
    def _of_both(self) -> list[str]:
        return [name for name in self.changed if name in self.before and name in self.after]


def provenance(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The content of a side's `provenance.json`; empty if there is none."""
    facts: dict[str, Any] = json.loads(files[PROVENANCE]) if PROVENANCE in files else {}
    return facts


def _unix(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")
