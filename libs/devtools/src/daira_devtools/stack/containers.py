"""`DAIRA_STACK=containers`: the stores from images, by testcontainers and `docker compose`, on the same ports.

Services and gateway stay plain processes; `compose/services.yaml` is for whoever wants those from images too.
"""

import asyncio
import shutil
import subprocess

from daira_devtools.root import checkout_root
from daira_devtools.stack import compose_file, place
from daira_devtools.stack.errors import MissingTool, StackError
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.table import Table


class Containers:
    """The stores of one stack as a compose project of its own; volumes keep the data."""

    def __init__(self, table: Table, folder: place.StackFolder, base: int) -> None:
        self._table = table
        self._folder = folder
        self._base = base

    async def up(self) -> None:
        """Returns when each store is healthy. Raises `StackError` with what docker said."""
        await asyncio.to_thread(self._run, "up")

    async def down(self) -> None:
        """Stops them; volumes stay."""
        await asyncio.to_thread(self._run, "down")

    def write_environment(self) -> str:
        """The variables of both compose files; returns the path of the file."""
        scope = Scope(self._table, self._folder, self._base)
        text = compose_file.environment_file(self._table, scope.look, self._base)
        path = self._folder.path / "compose.env"
        path.touch(mode=0o600)
        path.write_text(f"COMPOSE_PROJECT_NAME=daira-{self._folder.name}\n{text}")
        return str(path)

    def _run(self, what: str) -> None:
        if shutil.which("docker") is None:
            raise MissingTool("DAIRA_STACK=containers needs docker with its compose plugin on the PATH")
        from testcontainers.compose import DockerCompose  # slow to import, needed by this mode only

        compose = DockerCompose(
            checkout_root() / "compose", "stores.yaml", env_file=self.write_environment(), wait=True
        )
        try:
            compose.start() if what == "up" else compose.stop(down=False)
        except (OSError, subprocess.SubprocessError) as error:
            raise StackError(f"docker compose {what}: {error}") from error
