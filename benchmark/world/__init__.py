"""A small closed world in English: the text that the micro models learn from, and what they are asked about it."""
