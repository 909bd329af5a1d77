"""What a rebuild did, or would do."""

import msgspec


class Report(msgspec.Struct, kw_only=True, rename="camel"):
    """Counts of records read and of rows (or entries of another store) that differed."""

    projection: str
    dry: bool = False
    resumed: bool = False
    records: int = 0
    unreadable: int = 0
    seen: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    locked_ms: float = 0.0
    """How long the live handlers waited."""
    seconds: float = 0.0

    @property
    def differs(self) -> bool:
        """True when the live rows were not what the topics say."""
        return bool(self.added or self.changed or self.removed)
