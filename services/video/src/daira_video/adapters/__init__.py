"""The outside world of the video service: the sandboxed decoder and the object store."""
