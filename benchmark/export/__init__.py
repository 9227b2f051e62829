"""`gapbench export`: results of a track in the formats of other tools."""
