"""The published figures of the original study, analysed again."""
