"""What feed decides: pure functions, no clock, no input or output."""
