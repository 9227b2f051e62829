"""Simulated data with known truth, which test the statistics."""
