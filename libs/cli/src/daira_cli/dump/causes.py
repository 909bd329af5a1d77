"""Why a record died, told so that an engineer can work with it and nobody is named.

An error may quote the record: its key, a handle, a whole row. What cannot be anybody's stays: frames and their source
lines, types of errors, what PostgreSQL says of its constraints, and the words in which decoders speak.
"""

import builtins
import re
from collections.abc import Iterator

from daira_bus.dlq import STACK_CHARACTERS
from daira_cli.dump.pseudonyms import UUID, Pseudonyms

EDGE = r"[ |+-]*"
"""What a traceback of a group of exceptions draws before a line."""
FRAME = re.compile(rf'(?P<edge>{EDGE})File "(?:[^"]*\.py|<[\w ]+>)", line \d+, in [\w.<>]+')
TYPE = re.compile(rf"(?P<edge>{EDGE})(?P<type>(?:[\w<>]+\.)*\w+)(?P<said>: .*)?")
BETWEEN = frozenset(
    {
        "Traceback (most recent call last):",
        "Exception Group Traceback (most recent call last):",
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    }
)
DATABASE = re.compile(
    r"(?:new row for relation NAME violates check constraint NAME"
    r"|duplicate key value violates unique constraint NAME"
    r"|null value in column NAME of relation NAME violates not-null constraint"
    r"|(?:insert or update|update or delete) on table NAME violates foreign key constraint NAME(?: on table NAME)?"
    r"|(?:relation|column|table|constraint) NAME(?: of relation NAME)? does not exist)".replace("NAME", r'"[\w.]+"')
)
WORD = re.compile(r"[^\W_]+")
OF_DECODERS = """
    a above an and are array as at b be bool bytes character characters column constraint containing contains context
    could data decode deserialize detail does during enum error exception expected exist failed field float for found
    from got greater group has in index input int invalid is it json key left length less malformed match memory
    missing must no none not null number object of on or out parsing position regex relation required row str
    sub table than the timeout to too trailing truncated type unhandled unicode unknown utf uuid value violates with
"""
PLAIN = frozenset(OF_DECODERS.split())


class Causes:
    """Hides by the pseudonyms that the record itself is hidden by, so that what was the same still is."""

    def __init__(self, pseudonyms: Pseudonyms, names: frozenset[str] = frozenset()) -> None:
        """`names` of fields that contracts declare stay: a decoder says where it failed."""
        self._word, self._id = pseudonyms.word, pseudonyms.ids.__getitem__
        self._kept = PLAIN | {name.lower() for name in names}

    def message(self, text: str) -> str:
        """What an error says."""
        return "\n".join(map(self._said, text.split("\n")))

    def stack(self, text: str) -> str:
        """A traceback, perhaps without its beginning."""
        return "\n".join(self._lines(text.split("\n")))

    def _lines(self, lines: list[str]) -> Iterator[str]:
        # A type is looked for where a traceback has one: after its frames, and in the first line of a whole one.
        source_edge, may_be_type = None, sum(map(len, lines)) + len(lines) <= STACK_CHARACTERS
        for line in lines:
            frame = FRAME.fullmatch(line)
            if frame is not None:
                source_edge, may_be_type = frame["edge"] + "  ", True
                yield line
            elif source_edge is not None and line.startswith(source_edge):
                yield line
            else:
                source_edge = None
                found = TYPE.fullmatch(line) if may_be_type else None
                if found is not None and _is_type(found["type"]):
                    yield found["edge"] + found["type"] + self._said(found["said"] or "")
                else:
                    yield line if re.sub(rf"^{EDGE}", "", line) in BETWEEN else self._said(line)
                may_be_type = False

    def _said(self, text: str) -> str:
        if DATABASE.fullmatch(text.strip(" :|")):
            return text
        pieces = re.split(f"({UUID.pattern})", text, flags=re.IGNORECASE)
        return "".join(self._id(one) if UUID.fullmatch(one) else WORD.sub(self._replaced, one) for one in pieces)

    def _replaced(self, found: re.Match[str]) -> str:
        word = found[0]
        return word if word.lower() in self._kept else self._word(word)


def _is_type(name: str) -> bool:
    """As tracebacks name types: with their module, or one of Python's own."""
    module, _, own = name.rpartition(".")
    return own[:1].isupper() if module else isinstance(getattr(builtins, own, None), type)
