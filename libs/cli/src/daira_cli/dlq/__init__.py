"""Dead letters: which to take, what would come of them, and sending them to their handlers again."""
