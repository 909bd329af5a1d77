"""What is generated from the contracts, and the gate that keeps their changes additive."""
