"""Columns and types of every table that passes between stages.

A table is written with exactly these columns, in this order; a reader checks them before it computes. Those of
`stored.py` stand apart, so that a new column of the results makes no run be computed again.
"""

import pyarrow as pa

from benchmark.schema.stored_columns import NO_ARM as NO_ARM
from benchmark.schema.stored_columns import NO_TEXT as NO_TEXT
from benchmark.schema.stored_columns import SAMPLES as SAMPLES
from benchmark.schema.stored_columns import SAMPLES_OPTIONAL as SAMPLES_OPTIONAL
from benchmark.schema.stored_columns import TEXTS as TEXTS

RUNS = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
        ("draw", pa.int64()),  # pretraining draw of the model
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("index", pa.int64()),
        ("text_id", pa.string()),
        ("seed", pa.int64()),
        ("stopped_at", pa.int64()),
        ("stop_reason", pa.string()),
        ("skipped_steps", pa.int64()),
        ("selected_step", pa.int64()),  # held-out choice over all tasks; null where no step is finite
        ("paper_step_classification", pa.int64()),
        ("paper_step_dialogue", pa.int64()),
        ("test_all", pa.float64()),  # test scores at selected_step
        ("test_classification", pa.float64()),
        ("test_dialogue", pa.float64()),
        ("best_test_all", pa.float64()),  # test score at the step chosen on test, step 0 excluded
        ("text_loss_start", pa.float64()),  # mean token loss on the run's text, nats
        ("text_loss_selected", pa.float64()),
        ("dialogue_loss", pa.float64()),  # mean dialogue loss on test at selected_step, nats
        ("distance", pa.float64()),  # L2 distance from the start at selected_step
        ("corpus_loss", pa.float64()),  # the base model's mean token loss on the whole corpus, nats
    ]
)
"""One run (model, arm, corpus, text, seed)."""

_SCOPES = ("all", "classification", "dialogue")

ENTRIES = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("row_kind", pa.string()),  # entry, control or rung; only `entry` rows are ranked
        ("model", pa.string()),
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("parameters", pa.int64()),
        ("conditional", pa.string()),  # what is taken as given: "", "draws" or "texts and draws"
        ("n_texts", pa.int64()),
        ("n_draws", pa.int64()),  # pretraining draws of the model
        ("n_docs", pa.int64()),  # test documents, summed over tasks
        *((f"score_{s}{e}", pa.float64()) for s in _SCOPES for e in ("", "_low", "_high")),
        ("corrected_all", pa.float64()),  # chance-corrected averages (F1 not corrected)
        ("corrected_classification", pa.float64()),
        *((f"iqm_all{e}", pa.float64()) for e in ("", "_low", "_high")),  # interquartile mean over texts
        ("gain_all", pa.float64()),  # entry minus its base model, same documents
        ("gain_all_low", pa.float64()),
        ("gain_all_high", pa.float64()),
        *((f"probability_{s}{e}", pa.float64()) for s in _SCOPES[1:] for e in ("", "_low", "_high")),
        ("prob_improve_base", pa.float64()),  # share of units with a gain, ties half
        ("prob_improve_new", pa.float64()),  # probability that one more text gains, by variance components
        ("prob_improve_new_low", pa.float64()),
        ("prob_improve_new_high", pa.float64()),
        (
            "prob_improve_control",
            pa.float64(),
        ),  # share of units ahead of the control below, paired, ties half
        ("prob_improve_control_arm", pa.string()),  # the control with the lowest share
        ("optimism", pa.float64()),
        ("optimism_low", pa.float64()),
        ("optimism_high", pa.float64()),
        ("optimism_note", pa.string()),  # why there is none
        ("floor_gain", pa.float64()),
        (
            "best_text",
            pa.string(),
        ),  # the text that was best on select, at its best step there; documents alone
        ("best_text_step", pa.int64()),
        ("best_text_gain_all", pa.float64()),  # its gain on test
        ("best_text_gain_all_low", pa.float64()),
        ("best_text_gain_all_high", pa.float64()),
        ("effective_size", pa.float64()),  # parameters
        ("effective_size_low", pa.float64()),
        ("effective_size_high", pa.float64()),
        ("effective_size_note", pa.string()),  # "", "beyond the ladder", "below the ladder", "no ladder"
        ("size_multiplier", pa.float64()),
        ("size_multiplier_low", pa.float64()),
        ("size_multiplier_high", pa.float64()),
        ("rank", pa.int64()),  # null for controls and rungs
        ("rank_low", pa.int64()),
        ("rank_high", pa.int64()),
        ("share_diverged", pa.float64()),
        ("corpus_loss", pa.float64()),  # the base model's mean token loss on the corpus, nats
        ("overlap", pa.float64()),  # share of the corpus's n-grams that stand in task documents too
        ("verification", pa.string()),  # self-reported, reproduced or flagged
    ]
)
"""One leaderboard row, or a reference row (control, rung)."""

COMPARISONS = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("baseline", pa.string()),
        ("baseline_kind", pa.string()),  # base, control or rung
        ("baseline_arm", pa.string()),
        ("measure", pa.string()),  # score (accuracy, F1) or probability (of the right answer)
        ("scope", pa.string()),  # a task, a family or `all`
        ("delta", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("p_adjusted", pa.float64()),
        ("q_value", pa.float64()),
        ("margin", pa.float64()),
        ("p_noninferior", pa.float64()),
        ("p_noninferior_adjusted", pa.float64()),
        ("p_negligible", pa.float64()),  # one-sided: the difference is less than a tenth of the ladder gap
        ("p_negligible_adjusted", pa.float64()),
        ("share_closed", pa.float64()),  # gain / gap, rungs only, with Fieller's interval
        ("share_closed_low", pa.float64()),
        ("share_closed_high", pa.float64()),
        ("share_closed_note", pa.string()),
        ("verdict", pa.string()),
        ("conditional", pa.string()),  # what is taken as given: "", "draws" or "texts and draws"
        ("mde", pa.float64()),  # at level .05
        ("mde_adjusted", pa.float64()),  # at the level of Holm's first step, summary scopes
        ("n_docs", pa.int64()),
        ("n_texts", pa.int64()),
        ("n_draws", pa.int64()),
        ("size_ratio", pa.float64()),
    ]
)
"""One comparison of an entry with its base, a control or a larger rung, held-out protocol only."""

CURVES = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("step", pa.int64()),
        ("scope", pa.string()),
        ("mean", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n_texts", pa.int64()),
    ]
)
"""Entry x step x scope on the test split: nothing is chosen."""

SCORES = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("row_kind", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("measure", pa.string()),  # score or probability
        ("scope", pa.string()),  # a task, a family or `all`
        ("score", pa.float64()),
        ("low", pa.float64()),  # 95 % interval
        ("high", pa.float64()),
        ("conditional", pa.string()),
        ("n_docs", pa.int64()),
        ("n_texts", pa.int64()),  # 0 for a rung
        ("n_draws", pa.int64()),
        ("chance", pa.float64()),
    ]
)
"""The test score of an entry or reference row at one scope."""

RUN_CURVES = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
        ("draw", pa.int64()),
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("text_id", pa.string()),
        ("seed", pa.int64()),
        ("step", pa.int64()),  # 0 is the base model on the run's documents
        ("split", pa.string()),
        ("scope", pa.string()),  # all, classification or dialogue
        ("score", pa.float64()),
    ]
)
"""A run's score by step and split."""

PAIRS = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("other_model", pa.string()),
        ("other_arm", pa.string()),
        ("other_corpus", pa.string()),
        ("scope", pa.string()),  # all, classification or dialogue
        ("delta", pa.float64()),  # first minus other, test documents that both have
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("p_adjusted", pa.float64()),  # Holm over the pairs of a scope
        ("conditional", pa.string()),
        ("n_docs", pa.int64()),
        (
            "n_paired",
            pa.int64(),
        ),  # draws (or texts) that pair; 0 where those of the two are independent samples
        ("n_texts", pa.int64()),  # the fewer of the two
        ("n_draws", pa.int64()),
    ]
)
"""Ranked entry against ranked entry."""

TABLES = {
    "runs.csv": RUNS,
    "entries.csv": ENTRIES,
    "comparisons.csv": COMPARISONS,
    "curves.csv": CURVES,
    "scores.csv": SCORES,
    "run_curves.csv": RUN_CURVES,
    "pairs.csv": PAIRS,
}
"""The CSV files of `results/<track>/`."""

DRAWS = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
        ("draw", pa.int64()),
        ("origin", pa.string()),  # trained (by the pipeline), kept (scores in git), refused (not used)
        ("reason", pa.string()),  # why it, or some of its runs, is not used
        ("weights_sha256", pa.string()),
        ("n_texts", pa.int64()),  # texts, over all corpora, whose runs are used
    ]
)
"""`draws.csv`: the pretraining draws of each model and where their numbers come from."""
