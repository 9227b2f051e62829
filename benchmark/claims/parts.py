"""The declared estimates and the parts of claims C1-C4 on a held-out track."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from benchmark.claims.rule import ClaimPart, decide
from benchmark.schema.stored_columns import NO_ARM
from benchmark.scoring.comparisons import figures
from benchmark.settings.scoring_rules import Claims
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.contrast import (
    Contrast,
    ContrastEstimate,
    gain,
    level,
    mean,
    noninferiority,
    on_shared_documents,
    score,
)
from benchmark.statistics.design import DocumentScores, Layout
from benchmark.statistics.fieller import Share, share_of

NO_CONTROL = "not compared: this placebo is no control of the treatment (other learning rate or texts)"
ALL_DECLARED = "mean of all declared"

Entry = tuple[str, str, str]


@dataclass(frozen=True)
class Scores:
    """What claims are computed from: entries by (model, arm, corpus), base models by name, settings."""

    entries: Mapping[Entry, DocumentScores]
    bases: Mapping[str, DocumentScores]
    layout: Layout
    settings: ScoringSettings

    @property
    def claims(self) -> Claims:
        """What was declared."""
        return self.settings.claims

    def declared(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The models and corpora that the claims are about, in sorted order."""
        found = [key for key in self.entries if key[1] == self.claims.arm]
        models = sorted(self.claims.pairs) or sorted({model for model, _, _ in found})
        corpora = sorted(self.claims.corpora) or sorted({corpus for _, _, corpus in found})
        return tuple(models), tuple(corpora)

    def treated(self, model: str, corpus: str) -> DocumentScores | None:
        """The declared treatment of one model on one corpus."""
        return self.entries.get((model, self.claims.arm, corpus))

    def controls(self, model: str, corpus: str) -> set[str]:
        """The arms that the treatment is compared with."""
        present = tuple(arm for of, arm, on in self.entries if (of, on) == (model, corpus))
        return set(self.settings.controls_of(self.claims.arm, present))


def decide_claims(scores: Scores) -> list[dict[str, Any]]:
    """C1-C4 of a held-out track, as `claims.json` lists them."""
    found = [_base_claim(scores), _rung_claim(scores), _corpus_claim(scores), _placebo_claim(scores)]
    reasons = {str(claim): reason for claim, reason in scores.claims.not_testable.items()}
    labels = {family: scores.settings.families.get(family, "") for family in scores.layout.families}
    return [
        decide(claim, estimates, parts, families=labels, not_testable=reasons.get(claim, ""))
        for claim, (estimates, parts) in zip(("C1", "C2", "C3", "C4"), found, strict=True)
    ]


Found = tuple[list[ClaimPart], list[ClaimPart]]


def _base_claim(scores: Scores) -> Found:
    """C1: treated minus base, by family of tasks; each estimate is the mean over the declared entries."""
    (models, corpora), families = scores.declared(), scores.layout.family_scopes
    contrasts: list[Contrast | None] = []
    parts: list[ClaimPart] = []
    for model, corpus in product(models, corpora):
        entry, named = scores.treated(model, corpus), _named(scores, model, corpus, model, NO_ARM)
        contrasts.append(None if entry is None else gain(entry))
        parts += _by_scope(contrasts[-1], named, families, scores.layout)
    gap = _mean_gap(scores, models, corpora)
    return _estimates(contrasts, _mean_of_all(scores, NO_ARM), families, scores.layout, gap), parts


def _rung_claim(scores: Scores) -> Found:
    """C2: treated minus the declared larger rung over all tasks, with the non-inferiority margin."""
    models, corpora = scores.declared()
    terms: list[Terms | None] = []
    parts: list[ClaimPart] = []
    for model, corpus in product(models, corpora):
        if model not in scores.claims.pairs:
            continue
        larger = scores.claims.pairs[model]
        entry, base, rung = scores.treated(model, corpus), scores.bases.get(model), scores.bases.get(larger)
        if entry is None or base is None or rung is None:
            terms.append(None)
        else:
            gap, remaining = noninferiority(entry, base, rung, scores.settings.margin)
            terms.append((score(entry, base) - level(rung), gap, remaining, gain(entry)))
        parts.append(_against_rung(terms[-1], _named(scores, model, corpus, larger, NO_ARM), scores))
    known = [term for term in terms if term is not None]
    whole: Any = tuple(map(mean, zip(*known, strict=True))) if known and len(known) == len(terms) else None
    return [_against_rung(whole, _mean_of_all(scores, NO_ARM), scores)], parts


Terms = tuple[Contrast, Contrast, Contrast, Contrast]
"""Difference from the rung, gap, what is above 0 where the margin is kept, and gain."""


def _against_rung(terms: Terms | None, named: ClaimPart, scores: Scores) -> ClaimPart:
    """A part over all tasks against a larger rung; without figures where there are no terms."""
    if terms is None:
        return replace(named, scope="all")
    delta, gap, remaining, gained = on_shared_documents(*terms)
    found, room, left = (one.estimated(scores.layout) for one in (delta, gap, remaining))
    is_open = bool(room.estimate.is_above_zero()[0])
    return _filled(
        named,
        "all",
        found,
        share_of(gained, gap, scores.layout),
        margin=scores.settings.margin * float(room.estimate.value[0]),
        p_noninferior=float(left.estimate.p_above_zero()[0]) if is_open else None,
        note="" if is_open else "no gap to close: the larger rung is not told from the base",
    )


def _corpus_claim(scores: Scores) -> Found:
    """C3: the target corpus minus the mean of the others over all tasks; gains, so that base models cancel."""
    models, corpora = scores.declared()
    target = scores.claims.target_corpus
    others = [corpus for corpus in corpora if corpus != target]
    contrasts: list[Contrast | None] = []
    parts: list[ClaimPart] = []
    for model in models:
        ours = scores.treated(model, target)
        for other in others:
            theirs = scores.treated(model, other)
            named = _named(scores, model, target, other, scores.claims.arm)
            pair = None if ours is None or theirs is None else gain(ours) - gain(theirs)
            contrasts.append(pair)
            parts += _by_scope(pair, named, ("all",), scores.layout)
    named = _named(scores, ALL_DECLARED, target, "mean of the others", scores.claims.arm)
    return _estimates(contrasts, named, ("all",), scores.layout), parts


def _placebo_claim(scores: Scores) -> Found:
    """C4: treated minus placebos, by family; each estimate is the mean over declared entries and placebos."""
    (models, corpora), families = scores.declared(), scores.layout.family_scopes
    contrasts: list[Contrast | None] = []
    parts: list[ClaimPart] = []
    for model, corpus, placebo in product(models, corpora, scores.claims.placebos):
        entry, other = scores.treated(model, corpus), scores.entries.get((model, placebo, corpus))
        named = _named(scores, model, corpus, model, placebo)
        if other is not None and placebo not in scores.controls(model, corpus):
            contrasts.append(None)
            parts += [replace(named, scope=scope, note=NO_CONTROL) for scope in families]
            continue
        contrasts.append(None if entry is None or other is None else gain(entry) - gain(other))
        parts += _by_scope(contrasts[-1], named, families, scores.layout)
    named = _mean_of_all(scores, "mean of the placebos")
    return _estimates(contrasts, named, families, scores.layout), parts


def _named(scores: Scores, model: str, corpus: str, baseline: str, baseline_arm: str) -> ClaimPart:
    """A part without scope and figures."""
    return ClaimPart(model, scores.claims.arm, corpus, baseline, baseline_arm, scope="")


def _mean_of_all(scores: Scores, baseline_arm: str) -> ClaimPart:
    return _named(scores, ALL_DECLARED, ALL_DECLARED, ALL_DECLARED, baseline_arm)


def _estimates(
    contrasts: Sequence[Contrast | None],
    named: ClaimPart,
    scopes: Sequence[str],
    layout: Layout,
    gap: Contrast | None = None,
) -> list[ClaimPart]:
    """The mean of all contrasts by scope; without data where one of them has none: it was declared."""
    known = [contrast for contrast in contrasts if contrast is not None]
    whole = mean(known) if known and len(known) == len(contrasts) else None
    return _by_scope(whole, named, scopes, layout, gap)


def _by_scope(
    contrast: Contrast | None,
    named: ClaimPart,
    scopes: Iterable[str],
    layout: Layout,
    gap: Contrast | None = None,
) -> list[ClaimPart]:
    if contrast is None:
        return [replace(named, scope=scope) for scope in scopes]
    if gap is not None:
        contrast, gap = on_shared_documents(contrast, gap)
    found = contrast.estimated(layout)
    share = None if gap is None else share_of(contrast, gap, layout)
    return [_filled(named, scope, found, share) for scope in scopes]


def _filled(
    named: ClaimPart, scope: str, found: ContrastEstimate, share: Share | None, **more: Any
) -> ClaimPart:
    """The part with the figures of one scope."""
    place = found.layout.scopes.index(scope)
    columns = {name: column[place] for name, column in figures(found.estimate).items()}
    if share is not None:
        columns |= {name: value for name, value in share.at(place).items() if name != "share_closed_note"}
    numbers: dict[str, Any] = {
        name: None if np.isnan(value) else float(value) for name, value in columns.items()
    }
    return replace(named, scope=scope, conditional=found.conditional, **numbers, **more)


def _mean_gap(scores: Scores, models: Sequence[str], corpora: Sequence[str]) -> Contrast | None:
    """The mean gap of the declared models to their larger rungs; None where one has none."""
    pairs = [
        (scores.bases.get(model), scores.bases.get(scores.claims.pairs.get(model, ""))) for model in models
    ]
    gaps = [level(rung) - level(base) for base, rung in pairs if base is not None and rung is not None]
    return mean(gaps) if gaps and len(gaps) == len(pairs) else None
