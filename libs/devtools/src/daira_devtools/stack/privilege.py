"""PostgreSQL refuses to run as root. In a container everybody is root, so its command gets a prefix."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from daira_devtools.stack.errors import StackError

USER_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
NOBODY = 65534
DROP = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def unprivileged(data: Path) -> tuple[str, ...]:
    """Words to put before a command so that it does not run as root; none if we are not root.

    A user namespace changes nothing on disk; where the kernel forbids it, the data folder is given to `nobody`.
    """
    if os.geteuid() != 0:
        return ()
    if _namespaces_work():
        return USER_NAMESPACE
    if shutil.which(DROP[0]) is None:
        raise StackError("PostgreSQL refuses to run as root, and neither unshare nor setpriv works here")
    for path in (data, *data.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return DROP


@cache
def _namespaces_work() -> bool:
    if shutil.which(USER_NAMESPACE[0]) is None:
        return False
    return subprocess.run([*USER_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
