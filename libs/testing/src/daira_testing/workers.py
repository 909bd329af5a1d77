"""`make test` shares its tests out to two processes, each with a stack of its own that its tests may break.

A file stays in one process, and so do all tests of the whole platform, which is started once.
"""

import os
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

from daira_devtools.stack.during import of_worker
from daira_kit.settings import environment

TOGETHER = ("tests/integration", "libs/devtools/tests/stack")
"""Folders whose tests share what is dear, or what there is only one of."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist publishes no types
    """What belongs together is done by one worker, in order."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """The folder of TOGETHER that the test lies in, or else its file."""
    file = nodeid.partition("::")[0]
    folders = {str(folder) for folder in PurePosixPath(file).parents}
    return next((folder for folder in TOGETHER if folder in folders), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    """Whatever `--dist` says; files begin in the order in which one process would come to them."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The platform first: it takes longest, and nobody else is to wait for it at the end."""
    if environment("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: scope_of(item.nodeid) != TOGETHER[0])


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Each worker finds its own stack where a process alone finds the only one."""
    worker, name = environment("PYTEST_XDIST_WORKER"), environment("DAIRA_STACK_NAME")
    if worker and name:
        own = of_worker(name, int(environment("DAIRA_STACK_BASE")), int(worker.removeprefix("gw")))
        os.environ["DAIRA_STACK_NAME"], os.environ["DAIRA_STACK_BASE"] = own[0], str(own[1])
