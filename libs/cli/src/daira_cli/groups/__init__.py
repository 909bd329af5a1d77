"""Consumer groups: how far behind they are, and putting a stopped one to another place in the log."""
