"""`gapbench doctor`: what this machine computes, held against the digests that other machines gave."""
