"""The git repository: the files of a revision, and what differs from it in the working tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import InputError
from benchmark.system.git import git


@dataclass(frozen=True)
class Repository:
    """A clone, and the commit with which its working tree is compared."""

    root: Path
    commit: str

    @classmethod
    def at(cls, start: Path, revision: str) -> "Repository":
        """The clone that contains `start`.

        Raises:
            InputError: there is no clone, git refuses it, or it has no such revision.
        """
        root = Path(_git(start, "rev-parse", "--show-toplevel").decode().strip())
        try:
            commit = _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
        except InputError:
            raise InputError(f"{revision}: no commit of {root}: name a commit, a branch or a tag") from None
        return cls(root, commit)

    @property
    def short(self) -> str:
        """The commit as messages name it."""
        return self.commit[:10]

    def names(self, folder: str) -> list[str]:
        """Paths of the commit's files below `folder`, relative to the root."""
        listed = _git(self.root, "ls-tree", "-r", "--name-only", "-z", self.commit, "--", folder)
        return _split(listed)

    def committed(self, path: str) -> bytes | None:
        """A file's bytes at the commit; None if there is no such file."""
        return _git(self.root, "show", f"{self.commit}:{path}") if self.names(path) == [path] else None

    def here(self, path: str) -> bytes | None:
        """A file's bytes in the working tree; None if there is no such file."""
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def changed(self, paths: Sequence[str]) -> list[str]:
        """Files below `paths` that differ from the commit, including new ones; line ends do not count."""
        tracked = _git(self.root, "diff", "--name-only", "--no-renames", "-z", self.commit, "--", *paths)
        new = _git(self.root, "ls-files", "--others", "--exclude-standard", "-z", "--", *paths)
        return sorted({name for name in _split(tracked + new) if "__pycache__" not in name})


def _split(listed: bytes) -> list[str]:
    return [name for name in listed.decode(errors="surrogateescape").split("\0") if name]


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return git(root, *arguments)
    except InputError as error:
        raise InputError(f"{error}\n(gapbench diff compares with results committed in git)") from None
