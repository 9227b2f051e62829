"""Pretraining draws: trained together, recorded as scores in git, checked against the record."""
