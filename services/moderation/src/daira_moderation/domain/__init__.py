"""Rules: what text looks like to a reader, which words it holds, and what follows from that."""
