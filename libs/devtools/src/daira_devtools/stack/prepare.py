"""Everything between a downloaded program and its first start: folders, rendered files, one-time commands."""

import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from secrets import token_hex

from daira_devtools.root import checkout_root
from daira_devtools.stack import children, freshness, place
from daira_devtools.stack.privilege import unprivileged
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.table import Process

STAMP = ".prepared"
DONE = ".before"


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
    await _run_before(name, row, scope, folder, env)


async def _run_before(name: str, row: Process, scope: Scope, folder: place.StackFolder, env: Mapping[str, str]) -> None:
    done = folder.data(name) / DONE
    key = freshness.of_files(row.before_if_changed) + _ages_of_stores(folder)
    if row.before_if_changed and done.exists() and done.read_text() == key:
        return
    for command in row.before:
        await children.finish(scope.command(command, name), env, log=folder.log(name))
    done.write_text(key)


def _ages_of_stores(folder: place.StackFolder) -> str:
    """Another data folder has other databases; stores in containers have none we could know by, so their age is now."""
    stamps = [folder.data(store) / STAMP for store in ("postgres", "cassandra")]
    return " ".join(str(stamp.stat().st_mtime_ns) if stamp.exists() else token_hex(8) for stamp in stamps)


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
