"""Use-cases of uploads and assets."""
