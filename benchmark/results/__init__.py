"""From sample tables to the tables under `results/`."""
