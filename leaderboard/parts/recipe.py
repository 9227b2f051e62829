"""How to repeat an entry: commands, settings, digests of its inputs, and attestations."""

import json
import re
import shlex
from typing import Any

import pandas as pd
import yaml

from benchmark.store.tracks import params_name
from leaderboard.site import task_families, track_data
from leaderboard.site.task_families import settings

Key = tuple[str, str, str]


def settings_of(track: str, key: Key) -> str:
    """The parts of the parameters that concern one entry, as YAML; empty if they do not name it."""
    given = settings(track)
    parts: dict[str, Any] = {}
    for section, name in (("models", key[0]), ("arms", key[1]), ("corpora", key[2])):
        entries = given.get(section)
        if isinstance(entries, dict) and name in entries:
            parts[section] = {name: entries[name]}
    if not parts:
        return ""
    parts |= {section: given[section] for section in ("posttrain", "evaluation") if section in given}
    return str(yaml.safe_dump(parts, sort_keys=False, allow_unicode=True))


def run_command(key: Key, runs: pd.DataFrame) -> str:
    """The command that repeats the entry's first run."""
    first = next(iter(runs.head(1).dropna(axis=1).to_dict("records")), {})
    track = str(first.get("track", ""))
    index, seed, draw = (str(int(first.get(name, 0))) for name in ("index", "seed", "draw"))
    suite = task_families.suite(track) or "SUITE"
    words = ["gapbench", "run", "--model", key[0], "--corpus", key[2], "--index", index, "--arm", key[1]]
    words += ["--draw", draw] if draw != "0" else []
    words += ["--track", track] if params_name(track) != "params.yaml" else []
    return " ".join(map(shlex.quote, [*words, "--seed", seed, "--suite", suite, "--out", "run-again"]))


WITHOUT_TEXT = {
    "soup": "No single text drove it: it averages the weights of runs on several texts.",
    "checkpoint": "No text drove it: its weights were trained before.",
}
"""Kinds of treatment whose runs show no text, and why."""


def kind_of(track: str, key: Key) -> str:
    """The kind of an entry's treatment, from the track's parameters; empty where they do not name it."""
    arms = settings(track).get("arms")
    arm = arms.get(key[1]) if isinstance(arms, dict) else None
    return str(arm.get("kind", "")) if isinstance(arm, dict) else ""


def has_runs_of_its_own(track: str, key: Key) -> bool:
    """False for a soup, which averages the runs of another arm."""
    return kind_of(track, key) != "soup"


def verify_command(track: str, key: Key) -> str:
    """The command that repeats runs of the entry and writes the attestation."""
    return f"gapbench verify {shlex.quote('/'.join((track, *key)))} --runs 3"


def keys_of(provenance: Any, key: Key) -> pd.DataFrame:
    """Digests of the entry's model and corpus, and those that all entries share."""
    keys = provenance.get("keys") if isinstance(provenance, dict) else None
    if not isinstance(keys, dict):
        return pd.DataFrame()
    shared = [
        (name, digest) for name, digest in keys.items() if not str(name).startswith(("model", "corpus"))
    ]
    own = [
        (name, digest)
        for name, digest in keys.items()
        if re.sub(r" draw \d+$", "", str(name).replace(":", " ")).split(" ", 1)[-1] in (key[0], key[2])
    ]
    rows = [{"input": str(name), "sha256": str(digest)} for name, digest in [*own, *shared]]
    return pd.DataFrame(rows, columns=["input", "sha256"])


def attestations(track: str, key: Key | None = None) -> pd.DataFrame:
    """The attestations that `gapbench verify` wrote for a track, or for one entry."""
    frame = pd.DataFrame([_summary(row) for row in _files(track) if isinstance(row, dict)])
    if frame.empty or key is None:
        return frame
    for column, value in zip(track_data.KEY, key, strict=True):
        if column in frame:
            frame = frame[frame[column] == value]
    return frame.reset_index(drop=True)


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    """The plain facts of an attestation, and the lengths of lists; nested facts are left out."""
    return {k: len(v) if isinstance(v, list) else v for k, v in row.items() if not isinstance(v, dict)}


def _files(track: str) -> list[Any]:
    found = []
    for path in sorted((track_data.ROOT / "attestations" / track).glob("*.json")):
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            found.append({"file": path.name, "state": "cannot be read"})
    return found
