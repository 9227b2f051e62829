"""Columns and types of what the stages store in `data/` for the stages after them: samples and texts."""

import pyarrow as pa

NO_ARM = "none"  # arm and corpus of a base model
NO_TEXT = "-"  # text_id of a base model
ALL = "all"  # scope of all tasks; no family has this name

SAMPLES = pa.schema(
    [
        ("track", pa.string()),
        ("model", pa.string()),
        ("draw", pa.int32()),  # the pretraining draw; 0 where there is one
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("text_id", pa.string()),
        ("seed", pa.int64()),
        ("step", pa.int32()),
        ("task", pa.string()),
        ("family", pa.string()),
        ("split", pa.string()),
        ("doc_id", pa.int64()),
        ("cluster", pa.string()),  # what documents of a task that ask the same have in common
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("probability", pa.float64()),  # of the right choice, or of a token of the reference (geometric mean)
        ("prediction", pa.string()),
        ("target", pa.string()),
        ("choice_logprobs", pa.list_(pa.float32())),
    ]
)
"""One scored document of one checkpoint; `value` and `probability` in [0, 1], higher is better.

The columns of `SAMPLES_OPTIONAL` may be absent or empty: then the draw is 0, each document a cluster of its own, and
there is no probability.
"""

SAMPLES_OPTIONAL = ("draw", "cluster", "probability", "prediction", "target", "choice_logprobs")

TEXTS = pa.schema(
    [("corpus", pa.string()), ("index", pa.int64()), ("text_id", pa.string()), ("text", pa.string())]
)
"""The texts of a corpus, one per row."""
