"""Columns and types of what the stages store in `data/` for the stages after them: samples and texts."""

import pyarrow as pa

NO_ARM = "none"  # arm and corpus of a base model
NO_TEXT = "-"  # text_id of a base model

SAMPLES = pa.schema(
    [
        ("track", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("corpus", pa.string()),
        ("text_id", pa.string()),
        ("seed", pa.int64()),
        ("step", pa.int32()),
        ("task", pa.string()),
        ("family", pa.string()),
        ("split", pa.string()),
        ("doc_id", pa.int64()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("prediction", pa.string()),
        ("target", pa.string()),
        ("choice_logprobs", pa.list_(pa.float32())),
    ]
)
"""One scored document of one checkpoint; `value` in [0, 1]. The last three columns may be absent."""

SAMPLES_OPTIONAL = ("prediction", "target", "choice_logprobs")

TEXTS = pa.schema(
    [("corpus", pa.string()), ("index", pa.int64()), ("text_id", pa.string()), ("text", pa.string())]
)
"""The texts of a corpus, one a row."""
