"""Word lists as they were last published."""

from datetime import datetime

import msgspec
from psycopg.types.json import Jsonb

from daira_moderation.domain.verdicts import WordList
from daira_stores.work import Work


async def read_all(work: Work) -> list[WordList]:
    """Every list in its newest version."""
    return [msgspec.convert(row, WordList) for row in await work.all("SELECT list_id, version, entries FROM wordlist")]


async def put(work: Work, words: WordList, at: datetime) -> bool:
    """False when this or a newer version was published."""
    cursor = await work.execute(
        """
        INSERT INTO wordlist (list_id, version, entries, published_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (list_id) DO UPDATE SET version = excluded.version, entries = excluded.entries,
            published_at = excluded.published_at WHERE wordlist.version < excluded.version
        """,
        (words.list_id, words.version, Jsonb(msgspec.to_builtins(words.entries)), at),
    )
    return cursor.rowcount == 1
