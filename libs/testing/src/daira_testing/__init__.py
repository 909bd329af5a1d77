"""Fixtures, factories and behaviour suites. Imported by tests only."""
