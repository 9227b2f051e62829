"""`gapbench diff`: the results in the working tree against those committed at a revision."""

from benchmark.diff.command import diff

__all__ = ["diff"]
