"""The contracts as installed, as they were at a commit, as they lie in a folder; and the verdict on a change."""
