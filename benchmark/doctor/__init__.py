"""`gapbench doctor`: compares what this machine computes with the digests from other machines."""
