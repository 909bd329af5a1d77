"""`daira doctor` on the whole platform: silent when it is well, and it says which process died."""

from typing import Any

from daira_devtools.stack import Endpoints, Stack
from daira_testing.command import say
from daira_testing.waiting import eventually

# What other tests of this run provoked on purpose, and where they left work behind, is theirs.
OTHERS = ("dead letters", "jobs")


async def findings(stack: Stack) -> list[dict[str, Any]]:
    checks = (await say("doctor", "--stack", stack.base, "--json")).json["checks"]
    return [one for one in checks if not one["ok"] and one["area"] not in OTHERS]


async def test_a_platform_that_is_well_has_no_finding(platform: Endpoints, own_stack: Stack) -> None:
    async def well() -> bool:
        assert await findings(own_stack) == []
        return True

    await eventually(well, within=180, every=2)


async def test_a_process_that_died_is_named_with_what_waits_for_it(platform: Endpoints, own_stack: Stack) -> None:
    await own_stack.stop("moderation", kill=True)
    try:

        async def found() -> bool:
            subjects = {(one["area"], one["subject"]) for one in await findings(own_stack)}
            return subjects == {("process", "moderation"), ("groups", "daira.moderation")}

        await eventually(found, every=2)
    finally:
        await own_stack.start("moderation")
