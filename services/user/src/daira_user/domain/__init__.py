"""Rules of handles, texts and relations; nothing here waits or remembers."""
