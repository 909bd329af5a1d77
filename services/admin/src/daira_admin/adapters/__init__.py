"""The world around admin: the files it ships."""
