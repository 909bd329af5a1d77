"""Forms a Valkey Cluster without a command line tool (the wheel ships the server only)."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis

SLOTS = 16384
POLL_SECONDS = 0.1


def form(nodes: Sequence[str]) -> None:
    """Introduces the nodes (`host:port`), spreads the slots, waits until each node sees the whole.

    A cluster that already exists stays as it is.
    """
    clients = [_Node(node) for node in nodes]
    if clients[0].info()["cluster_slots_assigned"] != str(SLOTS):
        share = -(-SLOTS // len(clients))
        for index, client in enumerate(clients):
            first = index * share
            client.ask("CLUSTER MEET", clients[0].host, clients[0].port, clients[0].bus_port())
            client.ask("CLUSTER ADDSLOTSRANGE", first, min(first + share, SLOTS) - 1)
    for client in clients:
        client.wait_until_whole(len(clients))


class _Node:
    def __init__(self, address: str) -> None:
        self.host, _, port = address.partition(":")
        self.port = int(port)

    def ask(self, *words: Any) -> Any:
        with Redis(host=self.host, port=self.port, decode_responses=True) as client:
            answer: Any = client.execute_command(*words)
            return answer

    def info(self) -> dict[str, str]:
        answer: dict[str, str] = self.ask("CLUSTER INFO")
        return answer

    def bus_port(self) -> int:
        return int(self.ask("CONFIG GET", "cluster-port")["cluster-port"])

    def wait_until_whole(self, nodes: int) -> None:
        for wait in itertools.repeat(POLL_SECONDS):
            info = self.info()
            if info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(nodes):
                return
            time.sleep(wait)
