"""GAPbench: does a post-training trick make a small language model as good as a larger one?"""

from benchmark.arithmetic.mode import hold

hold()
