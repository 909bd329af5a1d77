"""Own user, network, IPC and host-name namespaces: no interface but a loopback that is down."""

import ctypes
import os
from pathlib import Path

from daira_confinement._libc import call

_NEW_NS, _NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_NET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000


def separate() -> None:
    """Leave the shared namespaces. Must run while the process has one thread; raises OSError if forbidden."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", ctypes.c_int(_NEW_USER | _NEW_NET | _NEW_IPC | _NEW_UTS | _NEW_NS))
    # Without a mapping of our own id the kernel refuses to create files.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
