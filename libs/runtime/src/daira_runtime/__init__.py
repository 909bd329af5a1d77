"""A service process: roles, lifespan and graceful drain. Everything a `__main__.py` needs is `run`."""

from daira_runtime.export import Export
from daira_runtime.main import run
from daira_runtime.parts import Parts, Platform, Service
from daira_runtime.process import Process, Role, open_process

__all__ = ["Export", "Parts", "Platform", "Process", "Role", "Service", "open_process", "run"]
