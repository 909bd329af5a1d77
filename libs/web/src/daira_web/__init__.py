"""The web edge of every service: one application factory, problem+json, tokens, limits, idempotency."""
