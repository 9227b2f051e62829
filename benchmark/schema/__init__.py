"""Columns and types of every table that is stored."""
