"""Regular expressions of pinned sources, without anchors."""

HUB_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*"
COMMIT = r"[0-9a-f]{40}"
REVISION = r"[A-Za-z0-9][A-Za-z0-9_+-]*([./][A-Za-z0-9_+-]+)*"
"""A commit, or a branch or tag of the Hub, such as `main` or `refs/pr/1`."""
SHA256 = r"[0-9a-f]{64}"
