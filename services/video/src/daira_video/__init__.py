"""The video service: probe, ladder, posters and playback of videos."""
