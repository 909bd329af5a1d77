"""The only place with SQL of media."""
