"""`gapbench diff`: the results in the working tree against those committed at a revision."""

import io
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.errors import CheckFailed, InputError
from benchmark.schema import TABLES

ENTRY = ["model", "arm", "corpus"]
RUN = [*ENTRY, "text_id", "seed"]
VERDICT_KEY = [*ENTRY, "baseline", "baseline_kind", "baseline_arm", "scope"]
KEYS = {
    "comparisons.csv": VERDICT_KEY,
    "entries.csv": ENTRY,
    "runs.csv": RUN,
    "curves.csv": [*ENTRY, "step", "scope"],
    "scores.csv": [*ENTRY, "scope"],
    "run_curves.csv": [*RUN, "step", "split", "scope"],
    "pairs.csv": [*ENTRY, "other_model", "other_arm", "other_corpus", "scope"],
}
STANDING = {"superior": 1, "comparable": 1, "inferior": -1}
"""Which side of parity a verdict is on; every other word is on neither."""
SKIPPED = {"provenance.json"}
LIKE_MACHINE = ("cpu_flags_sha256", "gpu")


@dataclass(frozen=True)
class Moved:
    """A verdict that is not what it was; `crossed` where it moved between parity or better and inferior."""

    where: str
    before: str
    after: str

    @property
    def crossed(self) -> bool:
        """Whether the move is between {superior, comparable} and inferior."""
        return STANDING.get(self.before, 0) * STANDING.get(self.after, 0) < 0


def diff(start: Path, revision: str, track: str) -> None:
    """Print what changed in `results/` since `revision`.

    Raises:
        InputError: no such revision or track.
        CheckFailed: bytes differ on a like machine, or a verdict crossed.
    """
    root = Path(_git(start, "rev-parse", "--show-toplevel").decode().strip())
    commit = _git(root, "rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
    tracks = _tracks(root, commit) if track == "all" else [track]
    problems = [problem for name in tracks for problem in _diff_track(root, commit, name)]
    if problems:
        raise CheckFailed("; ".join(problems))


def _tracks(root: Path, commit: str) -> list[str]:
    here = {path.name for path in (root / "results").glob("*") if path.is_dir()}
    there = {Path(name).parts[1] for name in _committed(root, commit, "results") if len(Path(name).parts) > 2}
    return sorted(here | there)


def _diff_track(root: Path, commit: str, track: str) -> list[str]:
    committed = _committed(root, commit, f"results/{track}")
    folder = root / "results" / track
    if not committed and not folder.is_dir():
        raise InputError(f"results/{track}: no such track here or at {commit[:10]}: name one of results/")
    if not committed:
        print(f"{track}: nothing committed at {commit[:10]}, nothing to compare with")
        return []
    if not folder.is_dir():
        return [f"{track}: results/{track} is missing: run `make repro TRACK={track}`"]
    old = {name: _git(root, "show", f"{commit}:results/{track}/{name}") for name in committed}
    new = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    changed = [name for name in changed if name not in SKIPPED]
    like = _machines(track, {f"results/{track} at {commit[:10]}": old, str(folder): new})
    if not changed:
        print(f"{track}: results/ equals {commit[:10]} byte for byte ({len(old)} files, provenance apart)")
        return []
    names = ", ".join(changed)
    print(
        f"{track}: {len(changed)} of {len(old.keys() | new.keys())} files differ from {commit[:10]}: {names}"
    )
    _largest_differences(old, new)
    moved = _moved_verdicts(old.get("comparisons.csv"), new.get("comparisons.csv"))
    for move in [*moved, *_moved_claims(old.get("claims.json"), new.get("claims.json"))]:
        print(f"  {move.where}: {move.before} -> {move.after}")
    print(f"  {len(moved)} verdicts moved, {sum(move.crossed for move in moved)} of them across parity")
    problems = [f"{track}: bytes differ on a like machine"] if like else []
    if any(move.crossed for move in moved):
        problems.append(f"{track}: a verdict moved between parity or better and inferior")
    return problems


def _machines(track: str, sides: Mapping[str, Mapping[str, bytes]]) -> bool:
    """Print the machines of both sides by their names; true where they are alike: CPU flags, GPU and versions."""
    before, after = (_provenance(files) for files in sides.values())
    for label, facts in zip(sides, (before, after), strict=True):
        hardware = facts.get("hardware", {})
        described = ", ".join(
            f"{key} {hardware[key]}" for key in ("cpu", "cores", "system", "gpu") if hardware.get(key)
        )
        print(f"{track}: {label}: made on {described or 'an unknown machine'}")
    if not before or not after:
        return False
    same_versions = before.get("packages") == after.get("packages")
    if not same_versions:
        print(f"{track}: package versions differ")
    hardware = [facts.get("hardware", {}) for facts in (before, after)]
    return same_versions and all(hardware[0].get(key) == hardware[1].get(key) for key in LIKE_MACHINE)


def _provenance(files: Mapping[str, bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(files["provenance.json"]) if "provenance.json" in files else {}
    return facts


def _largest_differences(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> None:
    for name in TABLES:
        if name not in old or name not in new or old[name] == new[name]:
            continue
        before, after = (_table(files[name], KEYS[name]) for files in (old, new))
        shared = before.index.intersection(after.index)
        gone, added = len(before) - len(shared), len(after) - len(shared)
        if gone or added:
            print(f"  {name}: {gone} rows gone, {added} new")
        numbers = before.select_dtypes("number").columns.intersection(after.select_dtypes("number").columns)
        gaps = (before.loc[shared, numbers] - after.loc[shared, numbers]).abs().max()
        for column, gap in gaps[gaps > 0].sort_values(ascending=False).items():
            print(f"  {name} {column}: largest difference {gap:.3g}")


def _table(content: bytes, key: list[str]) -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=[""])
    return table.set_index([column for column in key if column in table.columns]).sort_index()


def _moved_verdicts(old: bytes | None, new: bytes | None) -> list[Moved]:
    if old is None or new is None:
        return []
    before, after = (_table(content, VERDICT_KEY)["verdict"] for content in (old, new))
    shared = before.index.intersection(after.index)
    left, right = before.loc[shared].to_numpy(dtype=str), after.loc[shared].to_numpy(dtype=str)
    return [
        Moved(_named("verdict", shared[place]), left[place], right[place])
        for place in np.flatnonzero(left != right).tolist()
    ]


def _named(what: str, key: Iterable[Any]) -> str:
    return " ".join([what, *(str(part) for part in key if pd.notna(part))])


def _moved_claims(old: bytes | None, new: bytes | None) -> list[Moved]:
    if old is None or new is None:
        return []
    before, after = (
        {claim["id"]: claim["outcome"] for claim in json.loads(content)["claims"]} for content in (old, new)
    )
    both = sorted(before.keys() & after.keys())
    return [Moved(f"claim {name}", before[name], after[name]) for name in both if before[name] != after[name]]


def _committed(root: Path, commit: str, folder: str) -> list[str]:
    listed = _git(root, "ls-tree", "-r", "--name-only", "-z", commit, "--", folder).decode()
    prefix = f"{folder}/" if folder != "results" else ""
    return [name.removeprefix(prefix) for name in listed.split("\0") if name]


def _git(root: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        why = (done.stderr.decode(errors="replace").strip().splitlines() or ["failed"])[0]
        raise InputError(f"git {arguments[0]} {arguments[-1]}: {why}: name a commit of this repository")
    return done.stdout
