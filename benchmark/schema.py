"""Columns and types of every table that passes between stages.

A table is written with exactly these columns, in this order; a reader checks them before it computes. Those of
`stored.py` stand apart, so that a new column of the results makes no run be computed again.
"""

import pyarrow as pa

from benchmark.stored import NO_ARM as NO_ARM
from benchmark.stored import NO_TEXT as NO_TEXT
from benchmark.stored import SAMPLES as SAMPLES
from benchmark.stored import SAMPLES_OPTIONAL as SAMPLES_OPTIONAL
from benchmark.stored import TEXTS as TEXTS

RUNS = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
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
        ("familiarity", pa.float64()),  # the base model's mean token loss on the whole corpus, nats
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
        ("n_runs", pa.int64()),  # texts
        ("n_docs", pa.int64()),  # test documents, summed over tasks
        *((f"score_{s}{e}", pa.float64()) for s in _SCOPES for e in ("", "_low", "_high")),
        ("corrected_all", pa.float64()),  # chance-corrected averages (F1 not corrected)
        ("corrected_classification", pa.float64()),
        *((f"iqm_all{e}", pa.float64()) for e in ("", "_low", "_high")),  # interquartile mean over texts
        ("gain_all", pa.float64()),  # entry minus its base model, same documents
        ("gain_all_low", pa.float64()),
        ("gain_all_high", pa.float64()),
        ("p_improve_base", pa.float64()),  # probability of improvement, a number in [0, 1], not a p-value
        ("p_improve_control", pa.float64()),  # the lowest over the entry's controls
        ("optimism", pa.float64()),
        ("optimism_low", pa.float64()),
        ("optimism_high", pa.float64()),
        ("floor_gain", pa.float64()),
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
        ("tie_group", pa.int64()),
        ("share_diverged", pa.float64()),
        ("familiarity", pa.float64()),
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
        ("verdict", pa.string()),
        ("mde", pa.float64()),
        ("n_docs", pa.int64()),
        ("n_runs", pa.int64()),
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
        ("n_runs", pa.int64()),
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
        ("scope", pa.string()),  # a task, a family or `all`
        ("score", pa.float64()),
        ("low", pa.float64()),  # 95 % interval
        ("high", pa.float64()),
        ("n_docs", pa.int64()),
        ("n_runs", pa.int64()),  # texts; 0 for a rung
        ("chance", pa.float64()),
    ]
)
"""The test score of an entry or reference row at one scope."""

RUN_CURVES = pa.schema(
    [
        ("track", pa.string()),
        ("suite_version", pa.string()),
        ("model", pa.string()),
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
        ("n_docs", pa.int64()),
        ("n_paired_texts", pa.int64()),  # 0 where the texts of the two are independent samples
        ("n_texts", pa.int64()),  # the fewer of the two
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
