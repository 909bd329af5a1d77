"""The local stack: real stores, the gateway and the eleven services as plain processes on one machine."""

from daira_devtools.stack.addresses import Endpoints, endpoints
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.stack import ALL, STORES, Stack

__all__ = ["ALL", "STORES", "Endpoints", "Stack", "StackError", "endpoints"]
