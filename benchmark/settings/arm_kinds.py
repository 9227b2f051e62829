"""Kinds of arm by what they are for. Each has a module of its own in `benchmark/posttrain/arms/`."""

PLACEBOS = ("random", "shuffled")
"""Kinds of arm that disturb the weights without teaching anything."""
CONTROLS = (*PLACEBOS, "descent")
"""Kinds of arm that treatments are compared with: the placebos, and training as usual."""
UNRANKED = (*CONTROLS, "lessons")
"""Kinds of arm that are no candidates. Treatments are not compared with `lessons`, which is a positive control."""
ONE_STEP = frozenset({"soup", "lessons"})
"""Kinds of arm that yield one checkpoint, which is scored whatever `evaluation.steps` says."""
SEEDLESS = frozenset({"ascent", "descent", "soup"})
"""Kinds of arm without random numbers: every seed gives the same run."""
