"""The whole platform on the stack of this run: eleven services and the gateway, spoken to from outside only."""

from collections.abc import AsyncIterator

import pytest_asyncio

from daira_devtools.stack import ALL, Endpoints, Stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(own_stack: Stack) -> AsyncIterator[Endpoints]:
    """Started on first use; stopped with the stack."""
    await own_stack.up(own_stack.base, ALL)
    yield own_stack.endpoints
