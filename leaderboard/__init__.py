"""The leaderboard: pages that show what stands in `results/`, and compute no statistics of their own."""
