"""Statements about people and relations; the only room with SQL."""
