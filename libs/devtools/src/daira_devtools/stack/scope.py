"""What `${name}` means for one process of one stack."""

import sys
from collections.abc import Mapping
from pathlib import Path

from daira_devtools.root import checkout_root
from daira_devtools.stack import downloads, place, secrets
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.fill import fill
from daira_devtools.stack.table import Process, Table


class Scope:
    """Resolves names for a stack (folder and base port); `of(process)` adds that process's own folders."""

    def __init__(self, table: Table, folder: place.StackFolder, base: int) -> None:
        self._table = table
        self._folder = folder
        self._secrets = secrets.Secrets(folder.secrets)
        self._fixed = {"base": str(base), "python": sys.executable, "root": str(checkout_root())}
        self._fixed |= {f"port.{name}": str(port) for name, port in table.ports(base).items()}

    def look(self, name: str) -> str | None:
        """The value of a name that does not depend on the process."""
        kind, _, rest = name.partition(".")
        if kind == "secret":
            return self._secrets.get(rest)
        if kind == "bin":
            return str(self._binary(rest))
        if kind == "jars":
            return f"{downloads.folder_of(rest, self._table.download[rest])}/*"
        if kind == "jar":
            return str(self._jar(*rest.split(".", 1)))
        return self._fixed.get(name)

    def text(self, text: str, process: str = "") -> str:
        """Fills a text, with the folders of `process` if one is named."""
        own = self._folders(process) if process else {}
        return fill(text, lambda name: own.get(name) or self.look(name))

    def command(self, command: tuple[str, ...], process: str) -> list[str]:
        return [self.text(word, process) for word in command]

    def environment(self, row: Process, process: str) -> dict[str, str]:
        return {key: self.text(value, process) for key, value in row.env.items()}

    def _folders(self, process: str) -> Mapping[str, str]:
        return {
            "data": str(self._folder.data(process)),
            "config": str(self._folder.config(process)),
            "log": str(self._folder.log(process)),
        }

    def _binary(self, name: str) -> Path:
        download = self._table.download[name]
        if download.kind == "wheel":
            return downloads.wheel_binary(download)
        return downloads.folder_of(name, download) / name

    def _jar(self, name: str, prefix: str) -> Path:
        found = sorted(downloads.folder_of(name, self._table.download[name]).glob(f"{prefix}-*.jar"))
        if len(found) != 1:
            raise StackError(f"{name} has {len(found)} jars called {prefix}")
        return found[0]
