"""Locks the calling process in, before it touches a byte from a stranger. Linux only, through libc."""

from daira_video.adapters.confinement._enter import Ceilings, enter
from daira_video.adapters.confinement._level import Level

__all__ = ["Ceilings", "Level", "enter"]
