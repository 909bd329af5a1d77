"""Everything one asks first when something is wrong; each answer is one line with what to do next."""
