"""Compiles the pins of all distributions together, so that one environment can hold them all."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PINS = "constraints.txt"
PYTHON = "3.11"
"""The oldest Python that is supported; markers in the file cover the newer ones."""


class PinsError(Exception):
    """The resolver refused; its own words say why."""


def distributions(root: Path) -> dict[str, Path]:
    """Name → pyproject.toml of everything of ours, in the order of their paths."""
    files = [root / "contracts" / "pyproject.toml", *sorted(root.glob("libs/*/pyproject.toml"))]
    files += sorted(root.glob("services/*/pyproject.toml"))
    return {tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"]: file for file in files}


def compiled(root: Path, *, upgrade: bool = False) -> str:
    """The text of constraints.txt as it should be; versions already pinned are kept unless `upgrade`.

    No header, no annotations, no addresses: nothing in it depends on the machine. Raises `PinsError`.
    """
    ours = distributions(root)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / PINS
        if (root / PINS).exists() and not upgrade:
            shutil.copy(root / PINS, output)
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON]
        command += ["--all-extras", "--no-emit-index-url", "--no-header", "--no-annotate", "--output-file", str(output)]
        # Without this the absolute paths of our own distributions would be written.
        for name in ours:
            command += ["--no-emit-package", name]
        command += map(str, ours.values())
        done = subprocess.run(command, cwd=root, env=_environment(), capture_output=True, text=True)
        if done.returncode:
            raise PinsError(done.stderr.strip())
        return output.read_text(encoding="utf-8")


def _environment() -> dict[str, str]:
    """uv does not read pip's settings: where only pip was told an index, uv is told the same (as `setup.sh` does)."""
    surroundings = dict(os.environ)
    if "UV_DEFAULT_INDEX" in surroundings or "UV_INDEX_URL" in surroundings:
        return surroundings
    index = surroundings.get("PIP_INDEX_URL") or _pip_setting("global.index-url")
    return surroundings | {"UV_DEFAULT_INDEX": index} if index else surroundings


def _pip_setting(name: str) -> str:
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "get", name], capture_output=True, text=True)
    return asked.stdout.strip()
