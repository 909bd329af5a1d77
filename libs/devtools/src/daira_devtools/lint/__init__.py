"""The house linter: rules about this tree that no general linter knows, one rule a file in `rules/`."""
