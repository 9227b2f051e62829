"""The parts of claims C1-C4 on a held-out track, from its comparisons, runs and pairs of entries."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from benchmark.schema import NO_ARM
from benchmark.scoring.claims import SHARE_SCOPE, Part, claims_document, decide
from benchmark.settings import Claims

KEY = ["model", "arm", "corpus", "baseline_kind", "baseline", "baseline_arm", "scope"]
PAIR_KEY = ["model", "arm", "corpus", "other_model", "other_arm", "other_corpus", "scope"]
NO_CONTROL = "not compared: this placebo is no control of the treatment (other learning rate or texts)"

Rows = Mapping[tuple[Any, ...], Mapping[Any, Any]]


def decide_claims(
    track: str,
    suite_version: str | None,
    comparisons: pd.DataFrame,
    runs: pd.DataFrame,
    settings: Claims,
    pairs: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """C1-C4 of a held-out track, as the content of `claims.json`.

    `comparisons` has the columns of `schema.COMPARISONS`; `runs` has `model, arm, corpus, text_id, gain`
    (test score over all tasks minus the base model's); `pairs` is `pairs.csv`, entry against entry with the
    crossed interval, without which C3 (a) says "no data". An entry that is declared and has no rows says so
    too.
    """
    models, corpora = declared_entries(comparisons, settings)
    table = _keyed(comparisons, KEY)
    decided = [
        decide("C1", base_parts(table, models, corpora, settings)),
        decide("C2", rung_parts(table, models, corpora, settings)),
        decide("C3", corpus_parts(runs, pairs, models, corpora, settings)),
        decide("C4", placebo_parts(table, models, corpora, settings, _present(runs))),
    ]
    return claims_document(track, suite_version, decided)


def declared_entries(comparisons: pd.DataFrame, settings: Claims) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The models and corpora that the claims are about, in sorted order."""
    of_arm = comparisons[comparisons["arm"] == settings.arm]
    models = sorted(settings.pairs) or sorted(of_arm["model"].unique())
    corpora = sorted(settings.corpora) or sorted(of_arm["corpus"].unique())
    return tuple(models), tuple(corpora)


def base_parts(table: Rows, models: Sequence[str], corpora: Sequence[str], settings: Claims) -> list[Part]:
    """C1: treated minus base, on both families."""
    return [
        _from_table(table, model, settings.arm, corpus, "base", model, NO_ARM, scope)
        for model in models
        for corpus in corpora
        for scope in ("classification", "dialogue")
    ]


def rung_parts(table: Rows, models: Sequence[str], corpora: Sequence[str], settings: Claims) -> list[Part]:
    """C2: treated minus the declared larger rung, over all tasks, with the non-inferiority margin."""
    return [
        _from_table(table, model, settings.arm, corpus, "rung", settings.pairs[model], NO_ARM, "all")
        for model in models
        if model in settings.pairs
        for corpus in corpora
    ]


def placebo_parts(
    table: Rows,
    models: Sequence[str],
    corpora: Sequence[str],
    settings: Claims,
    present: Collection[tuple[str, str, str]] = (),
) -> list[Part]:
    """C4: treated minus each placebo, over all tasks.

    `present` are the entries (model, arm, corpus) that have runs: a part says so where a placebo has runs and
    is no control of the treatment.
    """
    parts = [
        _from_table(table, model, settings.arm, corpus, "control", model, placebo, "all")
        for model in models
        for corpus in corpora
        for placebo in settings.placebos
    ]
    return [
        replace(part, note=NO_CONTROL)
        if part.delta is None and (part.model, part.baseline_arm, part.corpus) in present
        else part
        for part in parts
    ]


def corpus_parts(
    runs: pd.DataFrame,
    pairs: pd.DataFrame | None,
    models: Sequence[str],
    corpora: Sequence[str],
    settings: Claims,
) -> list[Part]:
    """C3: target corpus minus each other corpus: (a) mean gain, over documents and texts, (b) share of gains.

    Both entries start from one base model, so the difference of gains is that of the scores.
    """
    others = [corpus for corpus in corpora if corpus != settings.target_corpus]
    both = {} if pairs is None else _keyed(_both_ways(pairs), PAIR_KEY)
    return [
        part
        for model in models
        for other in others
        for part in (_gain_part(both, model, other, settings), _share_part(runs, model, other, settings))
    ]


def share_of_gains_part(
    ours: Sequence[float], theirs: Sequence[float], model: str, other: str, settings: Claims
) -> Part:
    """C3 (b): share of texts with a gain above 0 in `ours` minus that in `theirs`, both [texts].

    Newcombe's (1998, method 10) hybrid score interval and the pooled score test, conditional on documents.
    """
    fewest = min(len(ours), len(theirs))
    if not fewest:
        return _part(model, settings, other, SHARE_SCOPE)
    wins = [int(np.sum(np.asarray(gains) > 0)) for gains in (ours, theirs)]
    sizes = len(ours), len(theirs)
    low, high = confint_proportions_2indep(
        wins[0], sizes[0], wins[1], sizes[1], compare="diff", method="newcomb"
    )
    alike = sum(wins) in (0, sum(sizes))
    p_value = 1.0 if alike else float(proportions_ztest(wins, sizes)[1])
    return _part(
        model,
        settings,
        other,
        SHARE_SCOPE,
        delta=wins[0] / sizes[0] - wins[1] / sizes[1],
        ci_low=float(low),
        ci_high=float(high),
        p_value=p_value,
        n_runs=fewest,
        note=f"{wins[0]} of {sizes[0]} texts against {wins[1]} of {sizes[1]}, conditional on the documents",
    )


def _share_part(runs: pd.DataFrame, model: str, other: str, settings: Claims) -> Part:
    mine = runs[(runs["model"] == model) & (runs["arm"] == settings.arm)]
    texts = mine.dropna(subset=["gain"]).groupby(["corpus", "text_id"])["gain"].mean()
    present = texts.index.get_level_values("corpus")
    ours, theirs = (
        texts[present == corpus].to_numpy(dtype=np.float64) for corpus in (settings.target_corpus, other)
    )
    return share_of_gains_part(list(ours), list(theirs), model, other, settings)


def _gain_part(both: Rows, model: str, other: str, settings: Claims) -> Part:
    key = (model, settings.arm, settings.target_corpus, model, settings.arm, other, "all")
    row = both.get(key)
    if row is None:
        return _part(model, settings, other, "all")
    return _part(
        model,
        settings,
        other,
        "all",
        delta=_number(row["delta"]),
        ci_low=_number(row["ci_low"]),
        ci_high=_number(row["ci_high"]),
        p_value=_number(row["p_value"]),
        n_runs=int(row["n_texts"]),
        note="mean gain",
    )


def _part(model: str, settings: Claims, other: str, scope: str, **figures: Any) -> Part:
    return Part(
        model=model,
        arm=settings.arm,
        corpus=settings.target_corpus,
        baseline=other,
        baseline_arm=settings.arm,
        scope=scope,
        **figures,
    )


def _present(runs: pd.DataFrame) -> set[tuple[str, str, str]]:
    return set(runs[["model", "arm", "corpus"]].itertuples(index=False, name=None))


def _keyed(table: pd.DataFrame, key: Sequence[str]) -> Rows:
    return {tuple(row[name] for name in key): row for row in table.to_dict("records")}


def _both_ways(pairs: pd.DataFrame) -> pd.DataFrame:
    """Every pair in both directions."""
    names = {
        f"{a}{name}": f"{b}{name}"
        for name in ("model", "arm", "corpus")
        for a, b in (("", "other_"), ("other_", ""))
    }
    turned = pairs.rename(columns=names)
    turned = turned.assign(delta=-pairs["delta"], ci_low=-pairs["ci_high"], ci_high=-pairs["ci_low"])
    return pd.concat([pairs, turned[pairs.columns]], ignore_index=True)


def _from_table(
    table: Rows,
    model: str,
    arm: str,
    corpus: str,
    kind: str,
    baseline: str,
    baseline_arm: str,
    scope: str,
) -> Part:
    named = Part(model, arm, corpus, baseline, baseline_arm, scope)
    key = (model, arm, corpus, kind, baseline, baseline_arm, scope)
    row = table.get(key)
    if row is None:
        return named
    rung = kind == "rung"
    p_noninferior = _number(row["p_noninferior"]) if rung else None
    return Part(
        *key[:3],
        baseline,
        baseline_arm,
        scope,
        delta=_number(row["delta"]),
        ci_low=_number(row["ci_low"]),
        ci_high=_number(row["ci_high"]),
        p_value=_number(row["p_value"]),
        margin=_number(row["margin"]) if rung else None,
        p_noninferior=p_noninferior,
        n_runs=int(row["n_runs"]),
        note="no gap to close: the larger rung is not told from the base"
        if rung and p_noninferior is None
        else "",
    )


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
