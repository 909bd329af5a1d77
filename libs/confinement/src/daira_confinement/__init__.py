"""Locks the calling process in, before it touches a byte from a stranger. Linux only, through libc.

A child imports only this and `escapes`; its parent `children` and `measurement`.
"""

from daira_confinement._enter import Ceilings, enter
from daira_confinement._level import Level

__all__ = ["Ceilings", "Level", "enter"]
