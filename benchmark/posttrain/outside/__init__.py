"""What the arms of a settings file name: their options, files from outside, weights of checkpoints."""
