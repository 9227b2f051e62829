"""Regular expressions of pinned sources, without anchors."""

HUB_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*"
COMMIT = r"[0-9a-f]{40}"
SHA256 = r"[0-9a-f]{64}"
