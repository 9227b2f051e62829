"""`gapbench bench`: compares this engine with named peers on the same models and documents, as ratios."""
