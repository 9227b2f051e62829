"""Columns and types of every table that passes between stages.

A table is written with exactly these columns, in this order; a reader checks them before it computes. Those of
`stored_columns` are in a module of their own, so that a new column of the results makes no run be computed again.

Some columns of `entries.csv` and `runs.csv` are there once for each family of tasks, so their schemas are functions of
the families. A suite of one family has no column of its own for it: its score over all tasks is that of the family.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa

from benchmark.schema.stored_columns import ALL


def _strings(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.string()) for name in names]


def _integers(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.int64()) for name in names]


def _floats(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.float64()) for name in names]


def _with_interval(*names: str) -> list[pa.Field]:
    """Each figure and the ends of its 95 % interval."""
    return _floats(*(f"{name}{end}" for name in names for end in ("", "_low", "_high")))


_TRACK = _strings("track", "suite_version")
_ENTRY = _strings("model", "arm", "corpus")
_SIZES = _integers(
    "n_docs", "n_texts", "n_draws"
)  # n_texts is 0 for a rung; n_draws: pretraining draws of the model
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_RESERVED = (ALL, "corpus")
_ENDS = ("_low", "_high")


class Family(NamedTuple):
    """A family of tasks, as far as columns depend on it; `written`: all its tasks grade a text that is written."""

    name: str
    written: bool = False


def family_fault(name: str) -> str:
    """Why no family can have this name; empty where one can."""
    if not _NAME.fullmatch(name):
        return "use letters, digits and hyphens"
    if name in _RESERVED or name.endswith(_ENDS):
        return f"{' and '.join(_RESERVED)}, and names that end in {' or '.join(_ENDS)}, are taken by other columns"
    return ""


def _separate(families: Sequence[Family]) -> list[Family]:
    """The families that have columns of their own; a single one (or none) has those of all tasks."""
    if len(families) > 1:
        return list(families)
    return [Family(ALL, bool(families) and families[0].written)]


def _scopes(families: Sequence[Family]) -> list[str]:
    return list(dict.fromkeys([ALL, *(family.name for family in _separate(families))]))


def families_of(header: Iterable[str]) -> tuple[Family, ...]:
    """The families that have columns of their own in an `entries.csv` or `runs.csv`, in their order."""
    names = list(header)
    prefix, corrected = ("score_", "corrected_") if "score_all" in names else ("test_", "")
    found = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    own = [name for name in found if not family_fault(name)]
    if not own and f"{ALL}_loss" in names:
        return (Family(ALL, True),)
    return tuple(
        Family(name, f"{corrected}{name}" not in names if corrected else f"{name}_loss" in names)
        for name in own
    )


def runs_columns(families: Sequence[Family]) -> pa.Schema:
    """One run (model, arm, corpus, text, seed)."""
    separate = _separate(families)
    fields = [
        *_TRACK,
        *_strings("model"),
        *_integers("draw"),  # pretraining draw of the model
        *_strings("arm", "corpus"),
        *_integers("index"),
        *_strings("text_id"),
        *_integers("seed", "stopped_at"),
        *_strings("stop_reason"),
        # selected_step: held-out choice over all tasks; null where no step is finite
        *_integers("skipped_steps", "selected_step"),
        *_integers(*(f"paper_step_{family.name}" for family in separate)),
        *_floats(*(f"test_{scope}" for scope in _scopes(families))),  # test scores at selected_step
        *_floats("best_test_all"),  # test score at the step chosen on test, step 0 excluded
        *_floats("text_loss_start", "text_loss_selected"),  # mean token loss on the run's text, nats
        # mean loss of the reference texts on test at selected_step, nats
        *_floats(*(f"{family.name}_loss" for family in separate if family.written)),
        *_floats("distance"),  # L2 distance from the start at selected_step
        *_floats("corpus_loss"),  # the base model's mean token loss on the whole corpus, nats
    ]
    return pa.schema(fields)


def entries_columns(families: Sequence[Family]) -> pa.Schema:
    """One leaderboard row, or a reference row (control, rung)."""
    separate = _separate(families)
    corrected = dict.fromkeys([ALL, *(family.name for family in separate if not family.written)])
    fields = [
        *_TRACK,
        *_strings("row_kind"),  # entry, control or rung; only `entry` rows are ranked
        *_ENTRY,
        *_integers("parameters"),
        *_strings("conditional"),  # what is taken as given: "", "draws" or "texts and draws"
        *_integers("n_texts", "n_draws", "n_docs"),  # draws of the model; test documents, summed over tasks
        *_with_interval(*(f"score_{scope}" for scope in _scopes(families))),
        # chance-corrected averages; what grades a written text has no chance to correct for
        *_floats(*(f"corrected_{scope}" for scope in corrected)),
        *_with_interval("iqm_all"),  # interquartile mean over texts
        *_with_interval("gain_all"),  # entry minus its base model, same documents
        *_with_interval(*(f"probability_{family.name}" for family in separate)),
        *_floats("prob_improve_base"),  # share of units with a gain, ties half
        *_with_interval("prob_improve_new"),  # probability that one more text gains, by variance components
        *_floats("prob_improve_control"),  # share of units ahead of the control below, paired, ties half
        *_strings("prob_improve_control_arm"),  # the control with the lowest share
        *_with_interval("optimism"),
        *_strings("optimism_note"),  # why there is none
        *_floats("floor_gain"),
        *_strings("best_text"),  # the text that was best on select, at its best step there; documents alone
        *_integers("best_text_step"),
        *_with_interval("best_text_gain_all"),  # its gain on test
        *_with_interval("effective_size"),  # parameters
        *_strings("effective_size_note"),  # "", "beyond the ladder", "below the ladder", "no ladder"
        *_with_interval("size_multiplier"),
        *_integers("rank", "rank_low", "rank_high"),  # null for controls and rungs
        *_floats("share_diverged"),
        *_floats("corpus_loss"),  # the base model's mean token loss on the corpus, nats
        *_floats("overlap"),  # share of the corpus's n-grams that occur in task documents too
        *_strings("verification"),  # self-reported, reproduced or flagged
    ]
    return pa.schema(fields)


COMPARISONS = pa.schema(
    [
        *_TRACK,
        *_ENTRY,
        *_strings("baseline", "baseline_kind", "baseline_arm"),  # the kind: base, control or rung
        *_strings("measure"),  # score (accuracy, F1) or probability (of the right answer)
        *_strings("scope"),  # a task, a family or `all`
        *_floats("delta", "ci_low", "ci_high", "p_value", "p_adjusted", "q_value"),
        *_floats("margin", "p_noninferior", "p_noninferior_adjusted"),
        # one-sided: the difference is less than a tenth of the ladder gap
        *_floats("p_negligible", "p_negligible_adjusted"),
        *_with_interval("share_closed"),  # gain / gap, rungs only, with Fieller's interval
        *_strings("share_closed_note", "verdict"),
        *_strings("conditional"),  # what is taken as given: "", "draws" or "texts and draws"
        *_floats("mde"),  # at level .05
        *_floats("mde_adjusted"),  # at the level of Holm's first step, summary scopes
        *_SIZES,
        *_floats("size_ratio"),
    ]
)
"""One comparison of an entry with its base, a control or a larger rung, held-out protocol only."""

CURVES = pa.schema(
    [
        *_TRACK,
        *_ENTRY,
        *_integers("step"),
        *_strings("scope"),
        *_floats("mean", "low", "high"),
        *_integers("n_texts"),
    ]
)
"""Entry x step x scope on the test split: nothing is chosen."""

SCORES = pa.schema(
    [
        *_TRACK,
        *_strings("row_kind"),
        *_ENTRY,
        *_strings("measure"),  # score or probability
        *_strings("scope"),  # a task, a family or `all`
        *_floats("score", "low", "high"),  # 95 % interval
        *_strings("conditional"),
        *_SIZES,
        *_floats("chance"),
    ]
)
"""The test score of an entry or reference row at one scope."""

RUN_CURVES = pa.schema(
    [
        *_TRACK,
        *_strings("model"),
        *_integers("draw"),
        *_strings("arm", "corpus", "text_id"),
        *_integers("seed", "step"),  # step 0 is the base model on the run's documents
        *_strings("split", "scope"),  # scope: `all` or a family
        *_floats("score"),
    ]
)
"""A run's score by step and split."""

PAIRS = pa.schema(
    [
        *_TRACK,
        *_ENTRY,
        *_strings("other_model", "other_arm", "other_corpus"),
        *_strings("scope"),  # `all` or a family
        *_floats("delta", "ci_low", "ci_high"),  # first minus other, test documents that both have
        *_floats("p_value", "p_adjusted"),  # Holm over the pairs of a scope
        *_strings("conditional"),
        # n_paired: draws (or texts) that pair; 0 where those of the two are independent samples
        *_integers("n_docs", "n_paired"),
        *_integers("n_texts", "n_draws"),  # the fewer of the two
    ]
)
"""Ranked entry against ranked entry."""

TABLES = (
    "runs.csv",
    "entries.csv",
    "comparisons.csv",
    "curves.csv",
    "scores.csv",
    "run_curves.csv",
    "pairs.csv",
)
"""The CSV files of `results/<track>/` that scoring writes."""

DRAWS = pa.schema(
    [
        *_TRACK,
        *_strings("model"),
        *_integers("draw"),
        *_strings("origin"),  # trained (by the pipeline), kept (scores in git), refused (not used)
        *_strings("reason"),  # why it, or some of its runs, is not used
        *_strings("weights_sha256"),
        *_integers("n_texts"),  # texts, over all corpora, whose runs are used
    ]
)
"""`draws.csv`: the pretraining draws of each model and where their numbers come from."""


def tables(families: Sequence[Family]) -> dict[str, pa.Schema]:
    """The schemas of `TABLES` for a suite with these families."""
    fixed = {
        "comparisons.csv": COMPARISONS,
        "curves.csv": CURVES,
        "scores.csv": SCORES,
        "run_curves.csv": RUN_CURVES,
        "pairs.csv": PAIRS,
    }
    found = {"runs.csv": runs_columns(families), "entries.csv": entries_columns(families), **fixed}
    return {name: found[name] for name in TABLES}


def schema_of(name: str, header: Iterable[str]) -> pa.Schema | None:
    """The schema of the result table `name` with the families that its `header` has; None for another file."""
    return ({"draws.csv": DRAWS} | tables(families_of(header))).get(name)
