"""Nothing in the tree knows the machine it was written on."""

import re
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

PATH = re.compile(r"""(?<![\w./$}-])/(?:work|root|home/\w+)/[\w.]""")
INDEX = re.compile(r"""(?:index-url|INDEX_URL|DEFAULT_INDEX|UV_INDEX)["']?[=:\s]+["']?https?://""")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.lines, start=1):
        if "house-skip: machine-path" in line:
            continue
        if match := PATH.search(line):
            yield number, f"a path of one machine: {match[0]}…"
        if INDEX.search(line):
            yield number, "names a package index: the machine's own configuration decides that"


RULE = Rule(
    code="machine-path",
    why="A fresh clone anywhere must behave the same, and a lock on one host's addresses helps nobody.",
    check=check,
    python_only=False,
)
