"""For the eyes of whoever mends a cause: people's words are hidden, ids stay, because they lead on."""

from functools import cache

from daira_bus.letters import FAILED_AGAIN, Settlement, split_name
from daira_cli.dump.causes import Causes
from daira_cli.dump.pseudonyms import Pseudonyms
from daira_cli.dump.redaction import declared_names

HIDDEN = "•"


class WordsHidden(Pseudonyms):
    """Ids stay: without them nobody finds the post, the video or the trace."""

    def __init__(self) -> None:
        super().__init__(b"nothing is made from it")

    def _new_word(self, word: str) -> str:
        return HIDDEN * len(word)

    def _new_id(self, text: str) -> str:
        return text


def error_shown(text: str) -> str:
    """What an error says, without people's words."""
    return _causes().message(text)


def stack_shown(text: str) -> str:
    """A traceback without people's words."""
    return _causes().stack(text)


def named_error_shown(text: str) -> str:
    """`Type: message`, of which the type stays."""
    name, colon, said = text.partition(": ")
    return name + colon + error_shown(said)


def why_settled(settled: Settlement, *, unredacted: bool = False) -> str:
    """An operator's reason as it was given; what failed again may say its error, or the letter that followed."""
    following, _, _ = settled.why.rpartition("@")
    if unredacted or settled.how != FAILED_AGAIN or all(split_name(following)):
        return settled.why
    return named_error_shown(settled.why)


@cache
def _causes() -> Causes:
    return Causes(WordsHidden(), declared_names())
