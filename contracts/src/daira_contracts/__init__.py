"""What services tell each other. The structs are the source of truth; schemas and the catalogue are generated."""
