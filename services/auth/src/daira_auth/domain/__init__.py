"""Pure rules of auth: no input or output, no clock."""
