"""`python -m daira_auth --role all|http|worker|relay|migrate|check`, and `python -m daira_auth roles …`."""

import argparse
import asyncio
import getpass
import socket
import sys
from collections.abc import Sequence

from daira_auth.domain.staff import ROLES
from daira_auth.service.staff import Act, StaffService
from daira_auth.settings import Settings
from daira_auth.wiring import SERVICE, open_staff
from daira_kit.errors import DairaError
from daira_kit.settings import load
from daira_runtime import run


def roles(arguments: Sequence[str]) -> int:
    """Give, take and list staff roles; the exit code is 0, or 1 with one line that says why not."""
    parser = argparse.ArgumentParser(prog="daira-auth roles", description="Staff roles; each act is told to the audit")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="everybody with a role")
    for name, about in (("grant", "in the tokens of the next refresh"), ("revoke", "ends the person's sessions")):
        command = commands.add_parser(name, help=about)
        command.add_argument("whom", help="phone number or user id")
        command.add_argument("role", choices=ROLES)
        command.add_argument("--reason", required=True)
    chosen = parser.parse_args(arguments)
    settings = load(Settings, "DAIRA_AUTH_")
    try:
        sys.stdout.write(asyncio.run(_do(settings, chosen)))
    except DairaError as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n")
        return 1
    return 0


async def _do(settings: Settings, chosen: argparse.Namespace) -> str:
    async with open_staff(settings) as staff:
        if chosen.command == "list":
            return "".join(f"{one.user_id} {one.role} {one.granted_at.isoformat()}\n" for one in await staff.list())
        return await _change(staff, chosen)


async def _change(staff: StaffService, chosen: argparse.Namespace) -> str:
    actor = f"{getpass.getuser()}@{socket.gethostname()}"
    act = Act(whom=chosen.whom, role=chosen.role, actor=actor, reason=chosen.reason)
    if chosen.command == "grant":
        return "granted\n" if await staff.grant(act) else "had it already\n"
    return "revoked, sessions ended\n" if await staff.revoke(act) else "had it not\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["roles"]:
        sys.exit(roles(sys.argv[2:]))
    run(SERVICE)
