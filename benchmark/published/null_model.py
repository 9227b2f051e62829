"""What choosing the best step on the reported documents gives when nothing changes, by simulation.

The unmodified model's scores are held fixed. At every later epoch a share of the answers is drawn again, so
that a task's expected score stays what it was: a choice is then right with the unmodified model's accuracy,
a reply gets a score from the unmodified model's distribution. The original's early stop and choice of the
best epoch, by family, are applied. Any gain is the choice's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

EPOCHS = 15
FIRST_CHANGED_EPOCH = 2
EARLY_STOP_FROM = 5
EARLY_STOP_COUNT = 2
PATTERNS = ("independent", "cumulative")


@dataclass(frozen=True)
class Unmodified:
    """The unmodified model: accuracy and documents by classification task, documents by dialogue task.

    `f1_sd` is the standard deviation of F1 over documents, an assumption: the study published none.
    """

    accuracies: tuple[float, ...]
    documents: tuple[int, ...]
    dialogue_documents: tuple[int, ...]
    f1_sd: float = 0.12

    def flip_rate(self, changed: float) -> float:
        """Share of choice documents whose outcome differs when a share `changed` of answers is drawn again."""
        p, n = np.array(self.accuracies), np.array(self.documents)
        return float(changed * np.sum(2 * p * (1 - p) * n) / np.sum(n))


@dataclass(frozen=True)
class Simulated:
    """Gains over the unmodified model [runs] and best epochs [runs] by family, and the last epoch [runs]."""

    gains: Mapping[str, FloatArray]
    best_epochs: Mapping[str, NDArray[np.int64]]
    last_epoch: NDArray[np.int64]


def simulate_selection(
    model: Unmodified, changed: float, pattern: str, runs: int, rng: np.random.Generator
) -> Simulated:
    """Simulate `runs` runs in which nothing improves.

    `changed` is the share of answers that differ in origin from the unmodified model's at the last epoch, in
    [0, 1]. Under `independent` every epoch draws that share again; under `cumulative` changes accumulate
    epoch by epoch and stay, so that neighbouring epochs are alike.
    """
    if pattern not in PATTERNS:
        raise ValueError(f"pattern is one of {', '.join(PATTERNS)}")
    if not 0 <= changed <= 1:
        raise ValueError("changed is a share between 0 and 1")
    differences = {
        "classification": accuracy_paths(model, changed, pattern, runs, rng),
        "dialogue": f1_paths(model, changed, pattern, runs, rng),
    }
    last = last_epochs(differences["classification"], differences["dialogue"])
    reached = np.arange(EPOCHS) <= last[:, None]
    gains, best_epochs = {}, {}
    for family, paths in differences.items():
        candidates = np.where(reached, paths, -np.inf)
        best_epochs[family] = candidates.argmax(axis=1)
        gains[family] = candidates.max(axis=1)
    return Simulated(gains, best_epochs, last)


def explaining_share(shares: Sequence[float], gains: Sequence[float], published: float) -> float | None:
    """The share of changed answers at which the simulated mean gain reaches the published one; None if never.

    `shares` rise from 0. The gain grows like the square root of a small share, so it is interpolated in that.
    """
    rising = np.maximum.accumulate(np.asarray(gains, dtype=np.float64))
    if published > rising[-1]:
        return None
    return float(np.interp(published, rising, np.sqrt(np.asarray(shares, dtype=np.float64))) ** 2)


def _per_epoch(changed: float, pattern: str) -> float:
    if pattern == "independent":
        return changed
    return float(1 - (1 - changed) ** (1 / (EPOCHS - FIRST_CHANGED_EPOCH)))


def accuracy_paths(
    model: Unmodified, changed: float, pattern: str, runs: int, rng: np.random.Generator
) -> FloatArray:
    """Differences of the classification average from the unmodified model's [runs, epochs]."""
    share = _per_epoch(changed, pattern)
    documents = np.array(model.documents)
    start = np.round(np.array(model.accuracies) * documents).astype(np.int64)
    chance_right = start / documents
    right = np.broadcast_to(start, (runs, len(documents)))
    paths = np.zeros((runs, EPOCHS))
    for epoch in range(FIRST_CHANGED_EPOCH, EPOCHS):
        before = right if pattern == "cumulative" else np.broadcast_to(start, right.shape)
        lost = rng.binomial(before, share * (1 - chance_right))
        won = rng.binomial(documents - before, share * chance_right)
        right = before - lost + won
        paths[:, epoch] = ((right - start) / documents).mean(axis=1)
    return paths


def f1_paths(
    model: Unmodified, changed: float, pattern: str, runs: int, rng: np.random.Generator
) -> FloatArray:
    """Differences of the dialogue average [runs, epochs], normal by the central limit theorem.

    Drawing a share r of a task's n replies again gives its mean the variance sd^2 r (2 - r) / n around the
    fixed start; epoch by epoch the difference is an autoregression with coefficient 1 - r and that
    innovation.
    """
    share = _per_epoch(changed, pattern)
    documents = np.array(model.dialogue_documents)
    scale = model.f1_sd * np.sqrt(share * (2 - share) * np.sum(1 / documents)) / len(documents)
    paths = np.zeros((runs, EPOCHS))
    for epoch in range(FIRST_CHANGED_EPOCH, EPOCHS):
        before = paths[:, epoch - 1] * (1 - share) if pattern == "cumulative" else 0.0
        paths[:, epoch] = before + scale * rng.standard_normal(runs)
    return paths


def last_epochs(classification: FloatArray, dialogue: FloatArray) -> NDArray[np.int64]:
    """The original's early stop: the last epoch that is evaluated [runs].

    From epoch 5 on an epoch where both averages are below their best so far counts; at the second the run
    stops.
    """
    best = np.maximum.accumulate(classification, axis=1), np.maximum.accumulate(dialogue, axis=1)
    below = (classification < best[0]) & (dialogue < best[1])
    below[:, :EARLY_STOP_FROM] = False
    stopped = np.cumsum(below, axis=1) >= EARLY_STOP_COUNT
    return np.where(stopped.any(axis=1), stopped.argmax(axis=1), EPOCHS - 1).astype(np.int64)
