"""Media: resumable uploads, images and their renditions, voice notes."""
