"""The outside world: object storage, the local spool, sandboxed decoders."""
