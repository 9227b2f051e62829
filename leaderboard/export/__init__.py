"""`gapbench site`: the answer, the ranking and each entry as plain HTML files."""
