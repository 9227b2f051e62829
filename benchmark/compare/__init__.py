"""`gapbench compare`: folders of lm-eval results compared with this package's statistics, without a track."""
