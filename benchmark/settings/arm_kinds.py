"""Kinds of arm by what they are for. Each has a module of its own in `benchmark/posttrain/arms/`."""

PLACEBOS = ("random", "shuffled")
"""The placebos of the default grid, by which the claims are decided: they disturb the weights and teach nothing."""
DISTANT = ("random", "noise")
"""Placebos that move the weights as far as another arm does, by default `ascent`."""
CONTROLS = (*PLACEBOS, "noise", "descent")
"""Kinds of arm that treatments are compared with: the placebos, and training as usual."""
UNRANKED = (*CONTROLS, "lessons")
"""Kinds of arm that are no candidates. Treatments are not compared with `lessons`, which is a positive control."""
ONE_STEP = frozenset({"soup", "lessons", "checkpoint"})
"""Kinds of arm that yield one checkpoint, which is scored whatever `evaluation.steps` says."""
SEEDLESS = frozenset({"ascent", "descent", "soup", "sam", "checkpoint"})
"""Kinds of arm without random numbers: every seed gives the same run."""
FOLLOWERS = frozenset({*DISTANT, "lines"})
"""Kinds of arm that follow the runs of another arm step by step, that of their setting `of`."""
