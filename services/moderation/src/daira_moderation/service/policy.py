"""The policy of this process: the newest word lists it has heard of."""

from collections.abc import Iterable

from daira_contracts.moderation import WordlistChangedV1
from daira_moderation.domain.verdicts import Decision, Entry, Matcher, Opinion, WordList, decide
from daira_observe.logs import get_logger

logger = get_logger(__name__)


class Policy:
    """Begins with the lists that came with this version, so that nothing waits for Kafka to be judged."""

    def __init__(self, packaged: Iterable[WordList]) -> None:
        self._matchers = {words.list_id: Matcher(words) for words in packaged}

    def judge(self, *texts: str) -> Opinion:
        """The decision about what somebody wrote, with every rule that fired."""
        return decide(texts, list(self._matchers.values()))

    def put(self, event: WordlistChangedV1) -> None:
        """Take over a list unless a newer one is known; one that cannot be used is ignored and logged."""
        known = self._matchers.get(event.list_id)
        if known is not None and known.words.version >= event.revision:
            return
        entries = tuple(
            Entry(pattern=one.pattern, category=one.category, decision=Decision(one.decision.value))
            for one in event.entries
            if one.decision.value in Decision.__members__
        )
        try:
            matcher = Matcher(WordList(list_id=event.list_id, version=event.revision, entries=entries))
        except ValueError as error:
            logger.warning("wordlist_ignored", list_id=event.list_id, version=event.revision, error=str(error))
            return
        self._matchers[event.list_id] = matcher
        logger.info("wordlist_taken", list_id=event.list_id, version=event.revision, entries=len(entries))

    def remove(self, list_id: str) -> None:
        """A list was withdrawn."""
        self._matchers.pop(list_id, None)
