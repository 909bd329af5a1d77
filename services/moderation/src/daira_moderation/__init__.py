"""Verdicts on what people publish, and the word lists they rest on."""
