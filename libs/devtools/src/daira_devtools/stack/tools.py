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
}
JAVA_FOR_CASSANDRA = 17


def require(names: Iterable[str]) -> None:
    """Raises `MissingTool` that names every missing program at once."""
    missing = sorted({name for name in names if shutil.which(name) is None})
    if missing:
        hints = "; ".join(f"{name} is missing: {HOW_TO_GET.get(name, 'install it')}" for name in missing)
        raise MissingTool(hints)


def require_java() -> None:
    """Cassandra 5 runs on Java 17 (it still wants the security manager that 24 removed)."""
    require(["java"])
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', answer)
    if found is None or int(found.group(1)) != JAVA_FOR_CASSANDRA:
        version = found.group(1) if found else "unknown"
        raise MissingTool(f"java on the PATH is version {version}, needed is {HOW_TO_GET['java']}")
