"""`${name}` in commands, files and values of the table."""

import re
from collections.abc import Callable

from daira_devtools.stack.errors import StackError

NAME = re.compile(r"\$\{([a-z0-9_.-]+)\}")
Look = Callable[[str], str | None]


def fill(text: str, look: Look) -> str:
    """Replaces every `${name}`. Raises `StackError` for a name nobody knows."""

    def value(found: re.Match[str]) -> str:
        answer = look(found.group(1))
        if answer is None:
            raise StackError(f"compose/native.toml: nobody knows ${{{found.group(1)}}}")
        return answer

    return NAME.sub(value, text)
