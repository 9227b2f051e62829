"""What a track's comparisons can decide, before they are run: the part of `gapbench plan` that is about power."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark.errors import InputError
from benchmark.published.assumed_variances import F1_SD, gap_variances, words
from benchmark.scoring.comparisons import LEVEL, LEVEL_ONE_SIDED
from benchmark.scoring.sample_files import read_samples
from benchmark.scoring.selection import base_scores, stored_entries
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.settings.track_settings import Settings
from benchmark.statistics.contrast import gain, level, on_shared_documents, variance_between_draws
from benchmark.statistics.crossed import sampled
from benchmark.statistics.design import CHOICE_METRICS, DocumentScores
from benchmark.statistics.design import Layout as DocumentLayout
from benchmark.statistics.power import (
    POWER,
    ComparableRule,
    Outlook,
    PlannedStudy,
    Variances,
    VarianceSource,
    detectable,
    outlook,
)
from benchmark.store.track_paths import TrackPaths
from benchmark.tasks.gap12.splits import pooled_counts
from benchmark.tasks.suite import Suite, load_suite
from benchmark.tasks.suite_of_track import suite_of

FLIPS = 0.10
SHARED = 0.5
TEXT_SD = 0.005
PLANNED_TEXTS = (3, 5, 10, 20, 100)
"""Assumed where there are no results: the share of choices that a run changes, how much of the variance of a gain
by document all texts share, and the standard deviation of a run's average over texts."""

EVERY = 1_000_000


class TaskDocuments(NamedTuple):
    """A task's family, whether it grades a written text, and its number of `test` documents."""

    family: str
    written: bool
    number: int


Counts = Mapping[str, TaskDocuments]


@dataclass(frozen=True)
class ClaimPair:
    """A treated model and the larger rung that a claim compares it with; `rungs`: how many rungs its verdicts have."""

    model: str
    rung: str
    rungs: int


@dataclass(frozen=True)
class Gap:
    """The gap between two rungs at `all`, and where it comes from."""

    value: float
    source: str


def print_power(settings: Settings, layout: TrackPaths, parameters: Mapping[str, int], texts: int) -> None:
    """Print what a gain must be to be found, and of each claimed pair whether it can be decided.

    `parameters` are those of the track's models, `texts` the texts of an entry.

    Raises:
        InputError: the documents of the suite are not at hand, or there is one per task.
    """
    counts = configured_counts(settings)
    if max(one.number for one in counts.values()) < 2:
        raise InputError("evaluation.documents: one document per task shows no variance: give 2 or more")
    pairs = claim_pairs(settings, parameters)
    gains = gain_lines([one.number for one in counts.values()], summary_scopes(counts), pairs)
    print("\n".join([*gains, *pair_lines(settings, layout, pairs, counts, texts)]))


def summary_scopes(counts: Counts) -> int:
    """How many scopes a verdict is corrected for: all tasks, and each family where there are several."""
    families = len({task.family for task in counts.values()})
    return 1 + families if families > 1 else 1


def gain_lines(configured: Sequence[int], scopes: int, pairs: Sequence[ClaimPair]) -> list[str]:
    """The table of minimum detectable gains by texts and documents, at 5 % and at Holm's first step of `scopes`.

    The first column is for the `test` documents of each task that there are (`configured`), the others for as many of
    every task.
    """
    tasks = len(configured)
    rungs = max((pair.rungs for pair in pairs), default=1)
    family = scopes * (1 + rungs)
    counts = (100, 320, 500)
    lines = [
        f"minimum detectable gain at `all` (two-sided, power 80 %), {tasks} tasks; assumed: {FLIPS:.0%} of",
        f"  documents changed by a run, {SHARED:.0%} of that by all texts alike, s.d. over texts {TEXT_SD}",
    ]
    for alpha, said in ((LEVEL, "5 %"), (LEVEL / family, f"5 % / {family}, Holm's first step")):
        lines.append(f"  at {said}:")
        own = f"as configured ({min(configured)} to {max(configured)})"
        lines.append(f"  texts  {own:>28}" + "".join(f"{count:>5} documents per task" for count in counts))
        lines += [
            f"  {texts:5}  {gain_of_documents(texts, configured, alpha):>28.4f}"
            + "".join(f"{detectable_gain(texts, n, tasks, alpha):>22.4f}" for n in counts)
            for texts in PLANNED_TEXTS
        ]
    return lines


def detectable_gain(texts: int, documents: int, tasks: int, level: float = LEVEL) -> float:
    """The minimum detectable gain under the planning values, by the rule of scoring.

    With N documents over all tasks: what texts share varies as shared / N, texts as sd^2 / texts, and their
    interaction as (flips - shared) / (N texts).
    """
    return gain_of_documents(texts, [documents] * tasks, level)


def gain_of_documents(texts: int, documents: Sequence[int], level: float = LEVEL) -> float:
    """`detectable_gain` where each task has its own number of `documents`; its average counts as much as another's."""
    number = len(documents) ** 2 / sum(1 / count for count in documents)
    shared, interaction = FLIPS * SHARED / number, FLIPS * (1 - SHARED) / (number * texts)
    by_document = VarianceSource(shared, float(sum(documents) - len(documents)))
    by_text = VarianceSource(TEXT_SD**2 / texts + interaction, texts - 1.0)
    return detectable([by_document, by_text], texts, level)


def claim_pairs(settings: Settings, parameters: Mapping[str, int]) -> list[ClaimPair]:
    """The pairs that claims are about: as declared, or each treated model with every rung in `scoring.ratio`."""
    found = []
    low, high = settings.scoring.ratio
    for model, spec in settings.used_models.items():
        if spec.role == "baseline":
            continue
        rungs = [
            name
            for name, other in settings.used_models.items()
            if other.role != "treated" and low <= parameters[name] / parameters[model] <= high
        ]
        declared = settings.claims.pairs
        wanted = ([declared[model]] if model in declared else []) if declared else rungs
        found += [ClaimPair(model, rung, max(len(rungs), 1)) for rung in wanted]
    return found


def pair_lines(
    settings: Settings, layout: TrackPaths, pairs: Sequence[ClaimPair], counts: Counts, texts: int
) -> list[str]:
    """Of each pair, whether a treated model as good as the larger one would be found `comparable`."""
    margin = settings.scoring.margin
    lines = [
        "power of `comparable` at `all` for a treated model that is as good as the larger one: the gap's 95 %",
        f"  interval lies above 0, and less than {margin:.0%} of the gap remains, one-sided {LEVEL_ONE_SIDED} at",
        f"  Holm's first step; decidable: {POWER:.0%} power; where a rung has one draw, on these models:",
    ]
    scenarios = scenarios_of(settings, counts)
    assumed = False
    for pair in pairs:
        rule = ComparableRule(margin, LEVEL_ONE_SIDED / (summary_scopes(counts) * pair.rungs))
        named = f"  {pair.model} against {pair.rung}"
        measured = measured_pair(settings, layout, pair)
        if measured is not None:
            variances, gap, draws = measured
            texts = max(texts, draws)
            found = outlook(variances, PlannedStudy(texts, gain_draws=draws, gap_draws=draws), gap, rule)
            total = sum(task.number for task in counts.values())
            said = f", {draws} pretraining draws" if draws > 1 else ""
            lines += [f"{named}: gap {gap:.4f} and variances as in results/{settings.track.name}{said}"]
            lines += [f"    as configured: {_outlook(found, texts, total)}"]
            continue
        known = published_gap(layout.root, pair, counts)
        if known is None:
            lines.append(f"{named}: no gap is known: score the two models (stage `base`) and plan again")
            continue
        assumed = True
        lines.append(f"{named}: gap {known.value:.4f} ({known.source})")
        for name, scenario in scenarios.items():
            variances, shares = assumed_variances(pair, scenario)
            found = outlook(variances, PlannedStudy(texts), known.value, rule)
            most = max(shares, key=lambda task: shares[task])
            said = _outlook(found, texts, sum(task.number for task in scenario.values()))
            lines += [f"    {name} ({most} has {shares[most]:.0%} of the gap's variance):", f"      {said}"]
    if assumed:
        lines += [
            f"  assumed: {words()};",
            f"  a run changes {FLIPS:.0%} of choices and F1 by the same s.d., {SHARED:.0%} of that variance alike for",
            f"  all texts; s.d. over texts {TEXT_SD}; gain and gap independent by document",
        ]
    return lines


def _outlook(found: Outlook, texts: int, documents: int) -> str:
    head = f"s.e. of the gap {found.error:.4f}, z {found.z:.1f}; power {found.power:.0%} with {texts} texts, "
    head += f"{found.limit:.0%} with any number: "
    if found.texts is not None:
        return f"{head}decidable with {found.texts} texts"
    if found.documents is None:
        return f"{head}not decidable at any number of texts or documents"
    needed = math.ceil(found.documents * documents)
    more = f"{found.documents:.1f} times the documents of every task it would be ({needed:,} in all)"
    return f"{head}not decidable at any number of texts; with {more}"


def configured_counts(settings: Settings) -> dict[str, TaskDocuments]:
    """The `test` documents of each task as the settings have them."""
    return _counts(suite_of(settings.evaluation, documents=settings.evaluation.documents))


def _counts(suite: Suite) -> dict[str, TaskDocuments]:
    return {
        task.name: TaskDocuments(task.family, task.metric not in CHOICE_METRICS, len(task.documents["test"]))
        for task in suite.tasks
    }


def scenarios_of(settings: Settings, counts: Counts) -> dict[str, Counts]:
    """The documents as configured, and for gap12 what more of the public data would give.

    Those of `whole` are the counts expected of its division by hash: the training rows need not be at hand.
    """
    found: dict[str, Counts] = {"as configured": counts}
    if settings.evaluation.suite_name.split("-")[0] != "gap12":
        return found
    suite = load_suite("gap12", tasks=settings.evaluation.tasks, protocol="paper", documents=EVERY)
    every = _counts(suite)
    found["every validation document (split_source: train)"] = every
    counted = {task.name: pooled_counts(task.task, every[task.name].number) for task in suite.tasks}
    pooled = {task: counts for task, counts in counted.items() if counts}
    said = ", ".join(f"{task} {tested}" for task, (_, tested) in pooled.items())
    widest = {task: one._replace(number=pooled.get(task, (0, one.number))[1]) for task, one in every.items()}
    found[f"split_source: whole ({said})"] = widest
    if "copa" in pooled:
        rows, _ = pooled["copa"]
        bound = every | {"copa": every["copa"]._replace(number=rows)}
        found[f"a bound: every validation document and all {rows} rows of COPA, none left for `select`"] = (
            bound
        )
    return found


def assumed_variances(pair: ClaimPair, counts: Counts) -> tuple[Variances, dict[str, float]]:
    """Variances at `all` under the planning values, and each task's share of that of the gap."""
    gap = gap_variances(
        pair.model, pair.rung, {task: (one.written, one.number) for task, one in counts.items()}
    )
    gain = {
        task: (F1_SD**2 if one.written else FLIPS) / one.number / len(counts) ** 2
        for task, one in counts.items()
    }
    total, changed = sum(gap.values()), sum(gain.values())
    df = total**2 / sum(gap[task] ** 2 / (one.number - 1) for task, one in counts.items() if one.number > 1)
    variances = Variances(
        gap_documents=total,
        gain_documents=SHARED * changed,
        interaction=(1 - SHARED) * changed,
        texts=TEXT_SD**2,
        documents_df=df,
    )
    return variances, {task: variance / total for task, variance in gap.items()}


def published_gap(root: Path, pair: ClaimPair, counts: Counts) -> Gap | None:
    """The gap at `all` between the unmodified models of the original study; None where it has no figures."""
    path = root / "results" / "published" / "published.json"
    if not path.is_file():
        return None
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    gaps = {
        row["family"]: row["gap"]
        for row in figures
        if row["model"] == pair.model and row["next_larger"] == pair.rung and row["gap"] is not None
    }
    families = [task.family for task in counts.values()]
    if not set(families) <= set(gaps):
        return None
    return Gap(sum(gaps[family] for family in families) / len(families), "published baselines")


def measured_pair(
    settings: Settings, layout: TrackPaths, pair: ClaimPair
) -> tuple[Variances, float, int] | None:
    """Variances and gap at `all` from the track's committed results, averaged over corpora, and the treated draws.

    The draws are 1 where the models have fewer than three of them: texts are then the units. None without results, or
    with fewer than three units.
    """
    documents = layout.results / "documents.parquet"
    if not documents.is_file():
        return None
    samples = read_samples([documents])
    bases, whole = base_scores(samples), samples.layouts["test"]
    base, rung = bases.get(pair.model), bases.get(pair.rung)
    entries = [
        entry
        for (model, arm, _), entry in stored_entries(samples).items()
        if (model, arm) == (pair.model, settings.claims.arm) and len(entry.units) >= FEWEST_UNITS
    ]
    if base is None or rung is None or not entries:
        return None
    found = [variances_of(entry, base, rung, whole) for entry in entries]
    means = {
        name: float(np.mean([getattr(one, name) for one in found])) for name in Variances.__dataclass_fields__
    }
    by_draw = min(len(scores.units) for scores in (base, rung)) >= FEWEST_UNITS and entries[0].by == "draw"
    draws = min(len(entry.units) for entry in entries) if by_draw else 1
    return Variances(**means), float((level(rung) - level(base)).estimated(whole).estimate.value[0]), draws


def variances_of(
    entry: DocumentScores, base: DocumentScores, rung: DocumentScores, layout: DocumentLayout
) -> Variances:
    """The variances at `all` behind an entry and the gap of two rungs, by the contrasts that verdicts use."""
    gap, units = level(rung) - level(base), len(entry.units)
    of_gain, of_gap, both = (
        one.estimated(layout).estimate for one in on_shared_documents(gain(entry), gap, gain(entry) + gap)
    )
    gains, gaps, sums = (float(one.parts[0].variance[0]) for one in (of_gain, of_gap, both))
    term = sampled(entry.gains_at(entry.columns), layout.subset(entry.columns, entry.name))
    assert term.part is not None and term.interaction is not None
    between = max(float(term.part.variance[0] - term.interaction[0]), 0.0) * units
    return Variances(
        gap_documents=gaps,
        gain_documents=gains,
        interaction=float(term.interaction[0]) * units,
        texts=between if entry.by == "text" else 0.0,
        covariance=(sums - gains - gaps) / 2,
        gain_draws=between if entry.by == "draw" else 0.0,
        base_draws=np.nan_to_num(variance_between_draws(base, layout)),
        rung_draws=np.nan_to_num(variance_between_draws(rung, layout)),
        documents_df=float(of_gap.parts[0].df[0]),
    )


def texts_of_an_entry(counts: Sequence[int]) -> int:
    """The texts of the smallest corpus.

    Raises:
        InputError: there is no corpus.
    """
    if not counts:
        raise InputError("corpora: none is set, so no comparison has a text: name one in the settings")
    return min(counts)
