"""Pretraining draws: train them together, record their scores in git, check them against the record."""
