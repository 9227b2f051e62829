"""Scoring many checkpoints on requests that are prepared once."""
