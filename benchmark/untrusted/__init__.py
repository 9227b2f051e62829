"""Checks on files from strangers, before they are read."""
