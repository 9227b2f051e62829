"""The committed results and the leaderboard's pages."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
PAGES = [
    "answer",
    "compare",
    "entry",
    "documents",
    "corpora",
    "published",
    "reproducibility",
    "submit",
    "method",
]
