"""Who reads for a group, as an operator sees it."""

import os
import socket

from daira_bus.groups import open_groups
from daira_kit.ids import new_id
from daira_testing.delivery import Effects, consuming
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually


async def test_a_member_of_a_group_is_named_by_its_machine_and_process(
    make_database: MakeDatabase, probe: TopicProbe
) -> None:
    effects, group = await Effects.create(await make_database()), f"g{new_id()}"

    async with (
        consuming(effects, probe, group=group),
        open_groups(probe.bootstrap, probe.prefix) as groups,
    ):

        async def names() -> list[str]:
            return [member.client_id for member in (await groups.describe(group)).members]

        assert await eventually(names) == [f"{socket.gethostname()}-{os.getpid()}"]
