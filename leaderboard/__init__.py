"""The leaderboard: pages that show the tables of `results/`. They compute no statistics."""
