"""A dump run through a service's own handlers: outcomes, what changed, what would have been told, where it fails."""
