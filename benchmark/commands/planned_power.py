"""What a track's comparisons can decide, before they are run: the part of `gapbench plan` that is about power."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.errors import InputError
from benchmark.published.assumed_variances import F1_SD, gap_variances, words
from benchmark.schema.stored_columns import NO_ARM
from benchmark.scoring.comparisons import LEVEL, LEVEL_ONE_SIDED
from benchmark.scoring.sample_files import read_samples
from benchmark.scoring.selection import base_scores, stored_entries
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.settings.track_settings import Settings
from benchmark.statistics.contrast import gain, level, on_shared_documents
from benchmark.statistics.crossed import sampled
from benchmark.statistics.design import SUMMARY_SCOPES, DocumentScores
from benchmark.statistics.design import Layout as DocumentLayout
from benchmark.statistics.power import (
    POWER,
    Design,
    Outlook,
    Rule,
    Source,
    Variances,
    detectable_from,
    outlook,
)
from benchmark.store.track_paths import TrackPaths
from benchmark.tasks.gap12.splits import pooled_counts
from benchmark.tasks.suite import load_suite
from benchmark.tasks.suite_of_track import suite_of

FLIPS = 0.10
SHARED = 0.5
TEXT_SD = 0.005
PLANNED_TEXTS = (3, 5, 10, 20, 100)
"""Assumed where there are no results: the share of choices that a run changes, how much of the variance of a gain
by document all texts share, and the standard deviation of a run's average over texts."""

EVERY = 1_000_000

Floats = NDArray[np.float64]
Counts = Mapping[str, tuple[str, int]]
"""Family and number of `test` documents by task."""


@dataclass(frozen=True)
class Pair:
    """A treated model and the larger rung that it is held against; `rungs`: how many rungs its verdicts have."""

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
        InputError: the documents of the suite are not at hand.
    """
    counts = configured_counts(settings)
    pairs = claim_pairs(settings, parameters)
    print("\n".join([*gain_lines(len(counts), pairs), *pair_lines(settings, layout, pairs, counts, texts)]))


def gain_lines(tasks: int, pairs: Sequence[Pair]) -> list[str]:
    """The table of minimum detectable gains by texts and documents, at 5 % and at Holm's first step."""
    rungs = max((pair.rungs for pair in pairs), default=1)
    family = len(SUMMARY_SCOPES) * (1 + rungs)
    counts = (100, 320, 500)
    lines = [
        f"minimum detectable gain at `all` (two-sided, power 80 %), {tasks} tasks; assumed: {FLIPS:.0%} of",
        f"  documents changed by a run, {SHARED:.0%} of that by all texts alike, s.d. over texts {TEXT_SD}",
    ]
    for alpha, said in ((LEVEL, "5 %"), (LEVEL / family, f"5 % / {family}, Holm's first step")):
        lines.append(f"  at {said}:")
        lines.append("  texts  " + "".join(f"{count:>5} documents a task" for count in counts))
        lines += [
            f"  {texts:5}  " + "".join(f"{detectable(texts, n, tasks, alpha):>22.4f}" for n in counts)
            for texts in PLANNED_TEXTS
        ]
    return lines


def detectable(texts: int, documents: int, tasks: int, level: float = LEVEL) -> float:
    """The minimum detectable gain under the planning values, by the rule of scoring.

    With N documents over all tasks: what texts share varies as shared / N, texts as sd^2 / texts, and their
    interaction as (flips - shared) / (N texts).
    """
    number = documents * tasks
    shared, interaction = FLIPS * SHARED / number, FLIPS * (1 - SHARED) / (number * texts)
    by_document = Source(shared, float(number - tasks))
    by_text = Source(TEXT_SD**2 / texts + interaction, texts - 1.0)
    return detectable_from([by_document, by_text], texts, level)


def claim_pairs(settings: Settings, parameters: Mapping[str, int]) -> list[Pair]:
    """The pairs that claims are about: as declared, else each treated model with every rung in `scoring.ratio`."""
    found = []
    low, high = settings.scoring.ratio
    for model, spec in settings.models.items():
        if spec.role == "baseline":
            continue
        rungs = [
            name
            for name, other in settings.models.items()
            if other.role != "treated" and low <= parameters[name] / parameters[model] <= high
        ]
        declared = settings.claims.pairs
        wanted = ([declared[model]] if model in declared else []) if declared else rungs
        found += [Pair(model, rung, max(len(rungs), 1)) for rung in wanted]
    return found


def pair_lines(
    settings: Settings, layout: TrackPaths, pairs: Sequence[Pair], counts: Counts, texts: int
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
        rule = Rule(margin, LEVEL_ONE_SIDED / (len(SUMMARY_SCOPES) * pair.rungs))
        named = f"  {pair.model} against {pair.rung}"
        measured = measured_pair(settings, layout, pair)
        if measured is not None:
            variances, gap, draws = measured
            texts = max(texts, draws)
            found = outlook(variances, Design(texts, gain_draws=draws, gap_draws=draws), gap, rule)
            total = sum(count for _, count in counts.values())
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
            found = outlook(variances, Design(texts), known.value, rule)
            most = max(shares, key=lambda task: shares[task])
            said = _outlook(found, texts, sum(count for _, count in scenario.values()))
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


def configured_counts(settings: Settings) -> dict[str, tuple[str, int]]:
    """The `test` documents of each task as the settings have them."""
    suite = suite_of(settings.evaluation, documents=settings.evaluation.documents)
    return {task.name: (task.family, len(task.documents["test"])) for task in suite.tasks}


def scenarios_of(settings: Settings, counts: Counts) -> dict[str, Counts]:
    """The documents as configured, and for gap12 what more of the public data would give.

    Those of `whole` are the counts expected of its division by hash: the training rows need not be at hand.
    """
    found: dict[str, Counts] = {"as configured": counts}
    if settings.evaluation.suite.split("-")[0] != "gap12":
        return found
    suite = load_suite("gap12", tasks=settings.evaluation.tasks, protocol="paper", documents=EVERY)
    every = {task.name: (task.family, len(task.documents["test"])) for task in suite.tasks}
    found["every validation document (split_source: train)"] = every
    counted = {task.name: pooled_counts(task.task, every[task.name][1]) for task in suite.tasks}
    pooled = {task: counts for task, counts in counted.items() if counts}
    said = ", ".join(f"{task} {tested}" for task, (_, tested) in pooled.items())
    widest = {task: (family, pooled.get(task, (n, n))[1]) for task, (family, n) in every.items()}
    found[f"split_source: whole ({said})"] = widest
    if "copa" in pooled:
        rows, _ = pooled["copa"]
        bound = every | {"copa": ("classification", rows)}
        found[f"a bound: every validation document and all {rows} rows of COPA, none left for `select`"] = (
            bound
        )
    return found


def assumed_variances(pair: Pair, counts: Counts) -> tuple[Variances, dict[str, float]]:
    """Variances at `all` under the planning values, and each task's share of that of the gap."""
    gap = gap_variances(pair.model, pair.rung, counts)
    gain = {
        task: (FLIPS if family == "classification" else F1_SD**2) / n / len(counts) ** 2
        for task, (family, n) in counts.items()
    }
    total, changed = sum(gap.values()), sum(gain.values())
    df = total**2 / sum(gap[task] ** 2 / (n - 1) for task, (_, n) in counts.items() if n > 1)
    variances = Variances(
        gap_documents=total,
        gain_documents=SHARED * changed,
        interaction=(1 - SHARED) * changed,
        texts=TEXT_SD**2,
        documents_df=df,
    )
    return variances, {task: variance / total for task, variance in gap.items()}


def published_gap(root: Path, pair: Pair, counts: Counts) -> Gap | None:
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
    families = [family for family, _ in counts.values()]
    if not set(families) <= set(gaps):
        return None
    return Gap(sum(gaps[family] for family in families) / len(families), "published baselines")


def measured_pair(settings: Settings, layout: TrackPaths, pair: Pair) -> tuple[Variances, float, int] | None:
    """Variances and gap at `all` from the track's committed results, averaged over corpora, and the treated draws.

    None without results.
    """
    paths = [layout.results / name for name in ("documents.parquet", "runs.csv")]
    if not all(path.is_file() for path in paths):
        return None
    if (by_draw := _measured_by_draw(settings, paths[0], pair)) is not None:
        return by_draw
    arm, key = settings.claims.arm, ["task", "doc_id"]
    names = ["model", "arm", "corpus", "text_id", "step", *key, "value"]
    wanted = [("model", "in", [pair.model, pair.rung]), ("arm", "in", [arm, NO_ARM])]
    table = pd.read_parquet(paths[0], columns=names, filters=wanted)
    bases = table[table["arm"] == NO_ARM].pivot_table(index=key, columns="model", values="value")
    runs = pd.read_csv(paths[1]).query("model == @pair.model and arm == @arm")
    chosen = runs[["corpus", "text_id", "selected_step"]].rename(columns={"selected_step": "step"})
    treated = table[(table["arm"] == arm) & (table["model"] == pair.model)].merge(chosen.drop_duplicates())
    if treated.empty or not {pair.model, pair.rung} <= set(bases):
        return None
    found = []
    for _, rows in treated.groupby("corpus"):
        wide = rows.pivot_table(index=key, columns="text_id", values="value")
        both = bases.join(wide, how="inner").dropna()
        if wide.shape[1] < 2 or both.empty:
            continue
        base = both[pair.model].to_numpy(dtype=np.float64)
        gains = both[list(wide.columns)].to_numpy(dtype=np.float64).T - base
        gap = both[pair.rung].to_numpy(dtype=np.float64) - base
        found.append(measured_variances(gains, gap, both.index.get_level_values("task").to_numpy()))
    if not found:
        return None
    means = {
        name: float(np.mean([getattr(one, name) for one, _ in found]))
        for name in Variances.__dataclass_fields__
    }
    return Variances(**means), float(np.mean([gap for _, gap in found])), 1


def _measured_by_draw(settings: Settings, documents: Path, pair: Pair) -> tuple[Variances, float, int] | None:
    """The same where the models have three draws or more, by the contrasts that verdicts use; else None."""
    samples = read_samples([documents])
    bases, layout = base_scores(samples), samples.layouts["test"]
    base, rung = bases.get(pair.model), bases.get(pair.rung)
    entries = [
        entry
        for (model, arm, _), entry in stored_entries(samples).items()
        if (model, arm) == (pair.model, settings.claims.arm) and entry.by == "draw"
    ]
    units = min((len(entry.units) for entry in entries), default=0)
    if base is None or rung is None or min(units, len(base.units), len(rung.units)) < FEWEST_UNITS:
        return None
    gap = level(rung) - level(base)
    found = []
    for entry in entries:
        of_gain, of_gap, both = (
            one.estimated(layout).estimate for one in on_shared_documents(gain(entry), gap, gain(entry) + gap)
        )
        documents_of = [float(one.parts[0].variance[0]) for one in (of_gain, of_gap, both)]
        term = sampled(entry.gains_at(entry.columns), layout.subset(entry.columns, entry.name))
        assert term.part is not None and term.interaction is not None
        found.append(
            Variances(
                gap_documents=documents_of[1],
                gain_documents=documents_of[0],
                interaction=float(term.interaction[0]) * units,
                covariance=(documents_of[2] - documents_of[0] - documents_of[1]) / 2,
                gain_draws=max(float(term.part.variance[0] - term.interaction[0]), 0.0) * units,
                base_draws=_between_draws(base, layout),
                rung_draws=_between_draws(rung, layout),
                documents_df=float(of_gap.parts[0].df[0]),
            )
        )
    means = {
        name: float(np.mean([getattr(one, name) for one in found])) for name in Variances.__dataclass_fields__
    }
    return Variances(**means), float(gap.estimated(layout).estimate.value[0]), units


def _between_draws(base: DocumentScores, layout: DocumentLayout) -> float:
    """Variance of a model's score at `all` between its draws."""
    return float(layout.subset(base.columns, base.name).scope_means(base.values)[:, 0].var(ddof=1))


def measured_variances(gains: Floats, gap: Floats, tasks: NDArray[np.str_]) -> tuple[Variances, float]:
    """Variances at the mean over tasks, and the gap there.

    `gains` [texts, documents] and `gap` [documents] are differences by document, `tasks` [documents] their tasks,
    each with two documents or more. Two-way mean squares in each task, documents crossed with texts.
    """
    names = sorted(set(tasks.tolist()))
    texts, share = len(gains), len(names) ** -2
    parts = dict.fromkeys(("gap", "gain", "interaction", "covariance", "spread"), 0.0)
    for name in names:
        own, other = gains[:, tasks == name], gap[tasks == name]
        n, mean = own.shape[1], own.mean(axis=0)
        left = own - mean - own.mean(axis=1, keepdims=True) + own.mean()
        square = float((left**2).sum()) / ((texts - 1) * (n - 1))
        both = np.cov(mean, other)
        parts["gap"] += share * both[1, 1] / n
        parts["gain"] += share * (both[0, 0] - square / texts) / n
        parts["interaction"] += share * square / n
        parts["covariance"] += share * both[0, 1] / n
        parts["spread"] += (share * both[1, 1] / n) ** 2 / (n - 1)
    by_text = np.mean([gains[:, tasks == name].mean(axis=1) for name in names], axis=0)
    variances = Variances(
        gap_documents=parts["gap"],
        gain_documents=max(parts["gain"], 0.0),
        interaction=parts["interaction"],
        texts=max(float(by_text.var(ddof=1)) - parts["interaction"], 0.0),
        covariance=parts["covariance"],
        documents_df=parts["gap"] ** 2 / parts["spread"] if parts["spread"] > 0 else math.inf,
    )
    return variances, float(np.mean([gap[tasks == name].mean() for name in names]))


def texts_of_an_entry(counts: Sequence[int]) -> int:
    """The texts of the smallest corpus.

    Raises:
        InputError: there is no corpus.
    """
    if not counts:
        raise InputError("corpora: none is set, so no comparison has a text: name one in the settings")
    return min(counts)
