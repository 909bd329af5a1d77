"""Nothing that is merged is half done."""

import re
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

MARK = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.lines, start=1):
        if match := MARK.search(line):
            yield number, f"{match[0]}: finish it, or write it down where work is planned"


RULE = Rule(
    code="unfinished",
    why="A note to oneself in the code is found by nobody; an open point belongs into docs/status.md.",
    check=check,
)
