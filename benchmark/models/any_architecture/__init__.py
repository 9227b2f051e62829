"""Models of every architecture that ``transformers`` knows. Only a process that loads one imports ``transformers``."""
