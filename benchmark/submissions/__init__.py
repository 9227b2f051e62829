"""Corpora and models that others bring, and the proof that a stored result can be repeated."""
