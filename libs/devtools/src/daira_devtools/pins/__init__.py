"""constraints.txt: the versions that every environment and image is built with."""
