"""Providers that reach nobody, for development on one machine."""
