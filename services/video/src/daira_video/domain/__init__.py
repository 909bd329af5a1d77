"""Pure rules of the video service: limits, ladder, playlists, lifecycle."""
