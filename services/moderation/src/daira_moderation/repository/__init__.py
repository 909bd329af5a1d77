"""Statements about verdicts, cases and word lists; the only room with SQL."""
