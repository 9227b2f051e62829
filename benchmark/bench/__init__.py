"""`gapbench bench`: this engine beside named peers, on the same models and documents, as ratios."""
