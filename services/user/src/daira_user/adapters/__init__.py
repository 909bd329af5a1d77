"""The outside world of user: the object store."""
