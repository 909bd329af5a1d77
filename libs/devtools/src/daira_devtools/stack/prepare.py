"""Everything between a downloaded program and its first start: folders, rendered files, one-time commands."""

import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from daira_devtools.root import checkout_root
from daira_devtools.stack import children, place
from daira_devtools.stack.privilege import unprivileged
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.table import Process

STAMP = ".prepared"


async def prepare(name: str, row: Process, scope: Scope, folder: place.StackFolder, env: Mapping[str, str]) -> None:
    """Renders the files of a process, initialises its data if that was never finished, runs what comes before."""
    folder.config(name).mkdir(parents=True, exist_ok=True)
    folder.log(name).parent.mkdir(parents=True, exist_ok=True)
    for target, source in row.files.items():
        text = (checkout_root() / "compose" / "native" / source).read_text()
        (folder.config(name) / target).write_text(scope.text(text, name))
    if row.render:
        import_module(row.render).render(int(scope.text("${base}")), folder.config(name))
    await _initialise(name, row, scope, folder)
    for leftover in row.stale:
        (folder.data(name) / leftover).unlink(missing_ok=True)
    for command in row.before:
        await children.finish(scope.command(command, name), env, log=folder.log(name))


async def _initialise(name: str, row: Process, scope: Scope, folder: place.StackFolder) -> None:
    data = folder.data(name)
    stamp = data / STAMP
    if stamp.exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    for part in ("", *row.folders):
        (data / part).mkdir(parents=True, exist_ok=True)
    for command in row.once:
        await children.finish(command_for(row, scope.command(command, name), data), log=folder.log(name))
    stamp.touch()


def command_for(row: Process, command: list[str], data: Path) -> list[str]:
    """The command, as somebody else than root where the program insists on it."""
    return [*unprivileged(data), *command] if row.unprivileged else command
