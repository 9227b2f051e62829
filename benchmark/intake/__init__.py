"""`gapbench submit`: check a submission and add it to a track."""
