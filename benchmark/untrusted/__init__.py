"""What a stranger's file may do, and the checks before it is read."""
