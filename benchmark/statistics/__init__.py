"""Statistics on arrays: intervals, tests, sizes. Nothing here reads a file."""
