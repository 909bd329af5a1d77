"""Names of Redis keys. Everything about one reader, and everything about one author, shares a cluster slot."""

from collections.abc import Sequence

CARD_SECONDS = 30 * 86_400
"""How long a card is kept after it was written; who reads it later gets it from PostgreSQL again."""
GONE_SECONDS = 7 * 86_400
"""How long a tombstone of a post is kept; after that PostgreSQL says it again."""


def circle(reader: str) -> str:
    """Sorted set: entries by time of publication, at most CIRCLE_SIZE, and the mark that says it is whole."""
    return f"c:{{{reader}}}"


def reader_state(reader: str) -> str:
    """Hash: `built`, `day`, `following`, `saver`, and one field a direction for each unusual relation."""
    return f"m:{{{reader}}}"


def stars(reader: str) -> str:
    """Set: followed authors whose timelines are merged at read time."""
    return f"k:{{{reader}}}"


def rebuild_lock(reader: str) -> str:
    """Held by whoever rebuilds this reader's Circle."""
    return f"l:{{{reader}}}"


def reads(reader: str, minute: int) -> str:
    """Counter of the pages this reader got in one minute."""
    return f"r:{{{reader}}}:{minute}"


def timeline(author: str) -> str:
    """Sorted set: an author's newest posts, and the mark that says it is whole."""
    return f"a:{{{author}}}"


def author_card(author: str) -> str:
    """String: flag, revision and ready JSON of an author."""
    return f"u:{{{author}}}"


def post_card(author: str, post: str) -> str:
    """String: flag, revision and ready JSON of a post; without JSON a tombstone."""
    return f"p:{{{author}}}:{post}"


def lean_card(author: str, post: str) -> str:
    """String: the same with data saver, for posts with a video."""
    return f"q:{{{author}}}:{post}"


def post_counts(author: str, post: str) -> str:
    """String: flag, revision and ready JSON of a post's counts."""
    return f"n:{{{author}}}:{post}"


def page_of(author: str, posts: Sequence[str], *, lean: bool) -> list[str]:
    """All that a page shows of an author: the card, then of each post card, counts and, if asked for, lean card."""
    names = [f"u:{{{author}}}"]
    for post in posts:  # written out, for a page has sixty names
        names += (f"p:{{{author}}}:{post}", f"n:{{{author}}}:{post}")
        if lean:
            names.append(f"q:{{{author}}}:{post}")
    return names
