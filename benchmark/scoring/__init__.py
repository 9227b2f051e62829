"""Scoring: from sample tables to verdicts. Reads tables only; never runs a model."""
