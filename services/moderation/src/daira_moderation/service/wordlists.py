"""The owner's side of word lists: a new version is stored and told once."""

from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files

import msgspec

from daira_kit.clock import now
from daira_moderation.domain.verdicts import Entry, WordList
from daira_moderation.repository import wordlists
from daira_moderation.service.events import tell_wordlist
from daira_moderation.service.rejudging import REJUDGE
from daira_observe.logs import get_logger
from daira_stores.postgres import Database

logger = get_logger(__name__)


class _File(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    list_id: str
    version: int
    entries: tuple[Entry, ...]


def packaged() -> list[WordList]:
    """The lists in this package's `data`, in the order of their names."""
    folder = files("daira_moderation") / "data"
    texts = [entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".json")]
    found = [msgspec.json.decode(text, type=_File) for text in texts]
    return sorted((WordList(list_id=one.list_id, version=one.version, entries=one.entries) for one in found), key=_id)


class WordLists:
    """Publishes lists to all processes of all services that hear of them."""

    def __init__(self, database: Database, *, rejudge_delay: timedelta) -> None:
        """`rejudge_delay`: how long after a publication what was judged before is judged again."""
        self._database, self._delay = database, rejudge_delay

    async def publish(self, lists: Iterable[WordList]) -> int:
        """Store and tell those that are newer than what was published, and judge again; returns how many."""
        published = 0
        async with self._database.work() as work:
            for words in lists:
                if await wordlists.put(work, words, now()):
                    await tell_wordlist(work, words)
                    await work.enqueue(REJUDGE, f"{words.list_id}:{words.version}", due_at=now() + self._delay)
                    published += 1
                    logger.info("wordlist_published", list_id=words.list_id, version=words.version)
        return published


def _id(words: WordList) -> str:
    return words.list_id
