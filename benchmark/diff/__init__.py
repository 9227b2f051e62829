"""`gapbench diff`: compares the results in the working tree with those committed at a revision."""

from benchmark.diff.diff_command import diff

__all__ = ["diff"]
