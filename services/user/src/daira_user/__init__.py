"""Profiles, handles, settings, and how people stand to each other."""
