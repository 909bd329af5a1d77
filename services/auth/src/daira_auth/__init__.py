"""Log-in by phone, sessions, signing keys, and the end of a person."""
