"""The world outside: the companies that call and message people."""
