"""What the commands do that have no room of their own: run, plan, ladder, simulate."""
