"""Suites of tasks that lm-eval's own YAML defines, or YAML of the user's in the same form."""
