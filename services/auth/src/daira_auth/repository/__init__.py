"""The only room that speaks SQL and Redis."""
