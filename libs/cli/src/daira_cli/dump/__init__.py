"""A part of the log as a file: JSON Lines, a manifest beside it, people's data hidden, resumable at any point."""
