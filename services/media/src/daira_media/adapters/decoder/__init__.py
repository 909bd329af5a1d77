"""Runs as a process of its own (`python -m daira_media.adapters.decoder`): the only code that opens untrusted bytes."""
