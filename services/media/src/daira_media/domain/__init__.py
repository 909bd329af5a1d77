"""Rules of uploads and assets: no input or output, no clock."""
