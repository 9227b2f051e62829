"""Post-training: what is done to a base model on one text (arms), and the loop that scores every step."""
