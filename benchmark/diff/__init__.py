"""`gapbench diff`: the results in the working tree against those committed at a revision."""

from benchmark.diff.diff_command import diff

__all__ = ["diff"]
