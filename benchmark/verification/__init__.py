"""`gapbench verify`: recompute the tables of an entry and repeat some of its runs."""
