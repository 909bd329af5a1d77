"""Logging, tracing and metrics: set up once per process, the same everywhere."""
