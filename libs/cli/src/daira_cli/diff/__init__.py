"""Two runs of a dump compared: what a change of code changes."""
