"""Pinned public files and the Hub, and the readers of text files."""
