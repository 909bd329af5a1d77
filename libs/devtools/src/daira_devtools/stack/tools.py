"""Programs expected on the machine, and how to get a missing one."""

import re
import shutil
import subprocess
from collections.abc import Iterable

from daira_devtools.stack.errors import MissingTool

HOW_TO_GET = {
    "java": "Java 17: `apt-get install openjdk-17-jre-headless`, or any JDK 17 on the PATH",
    "mvn": "Maven 3.8 or newer: `apt-get install maven`",
    "go": "Go 1.24 or newer: https://go.dev/dl/",
    "node": "Node 20 or newer: https://nodejs.org/",
    "chromium": "Chromium: `apt-get install chromium`",
    "kcat": "kcat: `apt-get install kcat`",
}
ALSO_CALLED = {"chromium": ("chromium-browser", "google-chrome")}
JAVA_FOR_CASSANDRA = 17


def require(names: Iterable[str]) -> None:
    """Raises `MissingTool` that names every missing program at once."""
    hints = missing(names)
    if hints:
        raise MissingTool("; ".join(hints))


def missing(names: Iterable[str]) -> list[str]:
    """A line for each program that is not on the PATH: what it is and how to get it."""
    absent = sorted({name for name in names if not any(map(shutil.which, (name, *ALSO_CALLED.get(name, ()))))})
    return [f"{name} is missing: {HOW_TO_GET.get(name, 'install it')}" for name in absent]


def require_java() -> None:
    """Cassandra 5 runs on Java 17 (it still wants the security manager that 24 removed)."""
    require(["java"])
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', answer)
    if found is None or int(found.group(1)) != JAVA_FOR_CASSANDRA:
        version = found.group(1) if found else "unknown"
        raise MissingTool(f"java on the PATH is version {version}, needed is {HOW_TO_GET['java']}")
