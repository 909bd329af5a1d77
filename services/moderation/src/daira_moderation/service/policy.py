"""The policy of this process: the newest word lists it has heard of."""

from collections.abc import Iterable

from daira_contracts.moderation import WordlistChangedV1
from daira_moderation.domain.verdicts import Content, Decision, Entry, Opinion, Rulebook, WordList, with_handle
from daira_observe.logs import get_logger

logger = get_logger(__name__)


class Policy:
    """Begins with the lists that came with this version, so that nothing waits for Kafka to be judged."""

    def __init__(self, packaged: Iterable[WordList]) -> None:
        self._lists = {words.list_id: words for words in packaged}
        self._rules = Rulebook(self._lists.values())

    def judge(self, *texts: str) -> Opinion:
        """The decision about what somebody wrote, with every rule that fired."""
        return self._rules.judge(*texts)

    @property
    def version(self) -> int:
        """Of the opinions given now."""
        return self._rules.version

    def opinion(self, content: Content) -> Opinion:
        """The decision about all that one revision says."""
        return with_handle(self.judge(*content.texts), self.judge(content.handle))

    def put(self, event: WordlistChangedV1) -> None:
        """Take over a list that was told."""
        entries = tuple(
            Entry(pattern=one.pattern, category=one.category, decision=Decision(one.decision.value))
            for one in event.entries
            if one.decision.value in Decision.__members__
        )
        self.learn(WordList(list_id=event.list_id, version=event.revision, entries=entries))

    def learn(self, words: WordList) -> None:
        """Take over a list unless a newer one is known; one that cannot be used is ignored and logged."""
        known = self._lists.get(words.list_id)
        if known is not None and known.version >= words.version:
            return
        try:
            self._take({**self._lists, words.list_id: words})
        except ValueError as error:
            logger.warning("wordlist_ignored", list_id=words.list_id, version=words.version, error=str(error))
            return
        logger.info("wordlist_taken", list_id=words.list_id, version=words.version, entries=len(words.entries))

    def remove(self, list_id: str) -> None:
        """A list was withdrawn."""
        self._take({known: words for known, words in self._lists.items() if known != list_id})

    def _take(self, lists: dict[str, WordList]) -> None:
        self._rules = Rulebook(lists.values())
        self._lists = lists
