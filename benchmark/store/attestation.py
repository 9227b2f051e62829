"""`attestations/<track>/<model>--<arm>--<corpus>.json`: who repeated an entry, with what, and how it went."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import InputError

State = Literal["self-reported", "reproduced", "flagged"]
Outcome = Literal["agrees", "differs", "weights differ"]
EntryKey = tuple[str, str, str]


class Attestation(BaseModel):
    """The outcome of `gapbench verify` on one entry.

    Attributes:
        samples_sha256: of the entry's stored samples; an attestation of other samples is ignored.
        same_machine: whether the results' provenance names this machine, or no machine to compare with.
        seed: chose the repeated runs.
        consistency, repetition: what agreed to which tolerance, and what did not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    track: str
    model: str
    arm: str
    corpus: str
    state: State
    outcome: Outcome
    samples_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    model_digest: str
    same_machine: bool
    machine: dict[str, Any]
    results_machine: dict[str, Any]
    packages: dict[str, str]
    revision: str
    written: str
    seed: int
    runs: tuple[dict[str, Any], ...]
    consistency: dict[str, Any]
    repetition: dict[str, Any]

    @property
    def key(self) -> EntryKey:
        """(model, arm, corpus)."""
        return self.model, self.arm, self.corpus

    def __str__(self) -> str:
        lines = [
            f"{self.track}/{self.model}/{self.arm}/{self.corpus}: {self.outcome}, state {self.state}",
            f"tables recomputed: {self.consistency['differences']} differences "
            f"(tolerance {self.consistency['tolerance']})",
        ]
        if self.runs:
            repeated = self.repetition
            lines.append(
                f"runs repeated: {len(self.runs)} (drawn by seed {self.seed}), largest difference of a "
                f"log-probability {repeated['largest']:.3g}, {repeated['flips']} answers flipped in margin"
            )
        faults = [*self.consistency["faults"], *self.repetition.get("faults", [])]
        lines += [f"differs: {fault}" for fault in faults[:10]]
        if self.outcome == "agrees" and self.same_machine:
            lines.append("note: this machine made the results, so it cannot make their state `reproduced`")
        return "\n".join(lines)


def attestation_path(folder: Path, key: EntryKey) -> Path:
    """Path of an entry's attestation; `folder` is `attestations/<track>`."""
    return folder / f"{'--'.join(key)}.json"


def write_attestation(folder: Path, attestation: Attestation) -> Path:
    """Replace an entry's attestation; returns its path."""
    from benchmark.system.files import write_json

    path = attestation_path(folder, attestation.key)
    write_json(path, attestation.model_dump(mode="json"))
    return path


def read_attestation(path: Path) -> Attestation:
    """An attestation file.

    Raises:
        InputError: it is damaged, or its name is not that of its entry.
    """
    try:
        attestation = Attestation.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, ValidationError):
        raise InputError(
            f"{path}: not an attestation as `gapbench verify` writes it: run verify again"
        ) from None
    if attestation_path(path.parent, attestation.key) != path:
        raise InputError(f"{path}: belongs to {'/'.join(attestation.key)}: rename it or run verify again")
    return attestation


def verification_states(
    folder: Path, digest_of: Callable[[EntryKey], str | None] | None = None
) -> dict[EntryKey, State]:
    """State by entry from the attestations of a track; an entry without one is `self-reported`.

    Args:
        folder: `attestations/<track>`; it need not exist.
        digest_of: `samples_digest` of an entry's stored samples; if given, attestations of other samples
            are ignored, so that new results lose an old state.

    Raises:
        InputError: an attestation is damaged.
    """
    states: dict[EntryKey, State] = {}
    for path in sorted(folder.glob("*.json")):
        attestation = read_attestation(path)
        if digest_of is None or digest_of(attestation.key) == attestation.samples_sha256:
            states[attestation.key] = attestation.state
    return states


def next_state(outcome: Outcome, *, same_machine: bool, before: State) -> State:
    """The state after a verification.

    Different weights do not change the state. A difference gives `flagged`. Agreement on a machine other than that of
    the results gives `reproduced`. Agreement on the same machine removes a flag, but leaves `reproduced` unchanged.
    """
    if outcome == "weights differ":
        return before
    if outcome == "differs":
        return "flagged"
    if not same_machine:
        return "reproduced"
    return "reproduced" if before == "reproduced" else "self-reported"
