"""Work that comes round: keys are tended, what expired is swept, people who asked are erased."""

from datetime import timedelta
from uuid import UUID

from daira_auth.service import AuthService
from daira_auth.service.account import ERASE
from daira_auth.service.login import UNDELIVERED
from daira_bus.jobs import Job, job

TEND = "tend-keys"
SWEEP = "sweep"
TEND_EVERY = timedelta(minutes=1)
SWEEP_EVERY = timedelta(minutes=5)
FOR_EVER = 1_000_000_000


async def tend_keys(claimed: Job, auth: AuthService) -> None:
    """Make, activate and retire signing keys."""
    await auth.keys.tend()
    await auth.upkeep.schedule(claimed.kind, TEND_EVERY)


async def sweep(claimed: Job, auth: AuthService) -> None:
    """Forget what expired."""
    await auth.upkeep.sweep()
    await auth.upkeep.schedule(claimed.kind, SWEEP_EVERY)


async def erase_person(claimed: Job, auth: AuthService) -> None:
    """Erase a person whose grace is over."""
    await auth.account.erase(UUID(claimed.key))


async def send_again(claimed: Job, auth: AuthService) -> None:
    """A message did not arrive: its challenge goes on over the next channel."""
    await auth.logins.send_again(UUID(claimed.key), claimed.payload_as(str))


async def begin(auth: AuthService) -> None:
    """Tell living keys again and start the rounds; called when a worker starts."""
    await auth.keys.tend(repeat=True)
    for kind in (TEND, SWEEP):
        await auth.upkeep.schedule(kind, timedelta(0))


JOBS = (
    job(TEND, tend_keys, max_attempts=FOR_EVER),
    job(SWEEP, sweep, max_attempts=FOR_EVER),
    job(UNDELIVERED, send_again, concurrency=4),
    job(ERASE, erase_person, max_attempts=FOR_EVER),
)
