"""The word lists that come with this version: `wordlist.<list>.json`, a higher `version` with every change."""
