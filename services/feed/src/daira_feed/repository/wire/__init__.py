"""Hand-joined Redis pipelines: one write and one wave of answers per round trip, on one node or a cluster."""

from daira_feed.repository.wire.commands import Command, Reply, Script, pack
from daira_feed.repository.wire.wire import Wire, open_wire

__all__ = ["Command", "Reply", "Script", "Wire", "open_wire", "pack"]
