"""Words everybody uses. No input or output happens here, apart from reading the environment once."""
