"""Kafka: reachable, with the topics of the contracts, read without delay, without dead letters, with signing keys."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import msgspec

from daira_bus import topics as topic_files
from daira_bus.groups import open_groups
from daira_bus.letters import read_pile
from daira_bus.log import Log
from daira_cli.doctor.check import Check, Watch, asked, finding, fine
from daira_cli.groups.lag import GROUP_OF_SERVICE, GroupLag, age, declared_topics, lag_of
from daira_cli.where import Where
from daira_contracts.auth import KeyState, SigningKeyChangedV1
from daira_kit.clock import now

LATE = timedelta(seconds=60)
KEYS = SigningKeyChangedV1.topic
SAMPLE = 3


async def examine(where: Where, services: Sequence[str]) -> list[Check]:
    """Everything that is seen through the broker alone."""
    bootstrap, prefix = where.kafka(), where.topic_prefix()
    log = Log(bootstrap, prefix, patience=5)
    away = f"is a broker running at {bootstrap}? locally: make up"
    reached = await asked("kafka", bootstrap, away, _reach(log, bootstrap))
    if not reached[0].ok:
        return reached
    return [
        *reached,
        *await asked("topics", bootstrap, away, _topics(where)),
        *await asked("groups", bootstrap, away, _groups(where, log, services)),
        *await asked("dead letters", bootstrap, away, _letters(log)),
        *await asked("signing keys", KEYS, "daira topics apply", _keys(log)),
    ]


async def announced(log: Log) -> dict[str, KeyState]:
    """The newest state of every signing key in the topic. Raises UnknownTopic, BrokerUnavailable."""
    states: dict[str, KeyState] = {}
    async for batch in log.read(await log.spans([KEYS])):
        for record in batch.records:
            key = (record.key or b"").decode(errors="replace")
            states.pop(key, None)
            if record.value is not None:
                with suppress(msgspec.DecodeError):
                    states[key] = msgspec.json.decode(record.value, type=SigningKeyChangedV1).state
    return states


async def _reach(log: Log, bootstrap: str) -> list[Check]:
    watch = Watch()
    held = await log.topics()
    return [fine("kafka", bootstrap, f"{watch}, {len(held)} topics")]


async def _topics(where: Where) -> list[Check]:
    todo = await topic_files.planned(where.kafka(), where.topic_prefix())
    refused = [finding("topics", where.kafka(), told, "make the next version of the topic") for told in todo.refused]
    found = [
        *_some("are missing", [spec.name for spec in todo.create], "daira topics plan, then daira topics apply"),
        *_some("have other settings", [spec.name for spec in todo.configure], "daira topics plan, then apply"),
        *refused,
    ]
    return found or [fine("topics", where.kafka(), "as the contracts say")]


def _some(what: str, names: Sequence[str], then: str) -> list[Check]:
    if not names:
        return []
    more = f" and {len(names) - SAMPLE} more" if len(names) > SAMPLE else ""
    return [finding("topics", f"{len(names)} {what}", ", ".join(names[:SAMPLE]) + more, then)]


async def _groups(where: Where, log: Log, services: Sequence[str]) -> list[Check]:
    wanted = [name for service in services if declared_topics(name := f"{GROUP_OF_SERVICE}{service}")]
    async with open_groups(where.kafka(), where.topic_prefix()) as groups:
        lags = [await lag_of(groups, log, name, since=True) for name in wanted]
    return [_group(lag) for lag in lags]


def _group(found: GroupLag) -> Check:
    name, members, clock = found.group.name, len(found.group.members), now()
    since = found.waits_since
    behind = f"{found.lag:,} behind" + (f", the oldest for {age(since, clock)}" if since else "")
    service = name.removeprefix(GROUP_OF_SERVICE)
    lost = sum(one.lost for one in found.partitions)
    if lost:
        then = f"daira groups show {service}; what it missed has to be rebuilt: daira rebuild"
        return finding("groups", name, f"{lost:,} records were deleted before it read them", then)
    if not members:
        return finding("groups", name, f"nobody reads for it, {behind}", f"start {service}'s worker")
    if since and clock - since > LATE:
        then = f"daira groups show {service}; its log says handler_retries or consumer_stopped"
        return finding("groups", name, f"{members} members, {behind}", then)
    return fine("groups", name, f"{members} members, {behind}")


async def _letters(log: Log) -> list[Check]:
    pile = await read_pile(log)
    counted = Counter((letter.topic, letter.service) for letter in pile.open)
    return [
        finding("dead letters", f"{topic} at {service}", f"{count:,} open", f"daira dlq ls --topic {topic}")
        for (topic, service), count in sorted(counted.items())
    ] or [fine("dead letters", "all topics", "none open")]


async def _keys(log: Log) -> list[Check]:
    states = await announced(log)
    counted = Counter(state.value.lower() for state in states.values())
    said = _listed(counted) or "none announced"
    if KeyState.ACTIVE in states.values():
        return [fine("signing keys", KEYS, said)]
    return [finding("signing keys", KEYS, f"{said}: nobody can log in", "start auth, see its outbox below")]


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counted.items()))
