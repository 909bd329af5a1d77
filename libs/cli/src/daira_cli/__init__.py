"""The command `daira`: what an operator, or an engineer who replays topics, does with a running DAIRA."""
