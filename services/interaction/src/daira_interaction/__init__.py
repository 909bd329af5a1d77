"""What people do: event tracking, later reactions, comments, shares and counters."""
