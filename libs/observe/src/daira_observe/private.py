"""What PostgreSQL adds to an error may quote whole rows: numbers, handles and texts of people."""

import re

_QUOTED = re.compile(
    r"(DETAIL|CONTEXT):.*?(?=\n(?:The above exception|During handling|Traceback|\s*\+-)|\Z)", re.DOTALL
)


def without_values(text: str) -> str:
    """An error or traceback as text, without the rows it quotes; what went wrong and where stays."""
    return _QUOTED.sub(r"\1: left out", text)
