"""What staff and developers look at: the preview page, the API page, later the console."""
