"""The environment of a service process, from the settings it declares and the values in the table."""

from importlib import import_module
from importlib.util import find_spec

import msgspec

from daira_devtools.stack.errors import StackError
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.table import Services


def is_installed(service: str) -> bool:
    return find_spec(f"daira_{service}") is not None and find_spec(f"daira_{service}.settings") is not None


def declared(service: str) -> dict[str, bool]:
    """The names of a service's settings, and whether each must be given, read from its `Settings` struct."""
    settings = import_module(f"daira_{service}.settings").Settings
    return {field.name: field.required for field in msgspec.structs.fields(settings)}


def environment(service: str, services: Services, scope: Scope) -> dict[str, str]:
    """`DAIRA_<SERVICE>_<SETTING>` for exactly the settings the service has, since it refuses any other.

    Raises `StackError` naming settings the service demands and the table does not know.
    """
    known, values = declared(service), services.values(service)
    if absent := [name for name, required in known.items() if required and name not in values]:
        raise StackError(f"compose/native.toml has no value for {service}'s {', '.join(absent)}")
    own = {f"DAIRA_{service}_{name}".upper(): scope.text(text) for name, text in values.items() if name in known}
    return {**services.env, **own}


def waits(service: str, services: Services) -> tuple[str, ...]:
    """What must be ready before the service starts, by the settings it has."""
    known = declared(service)
    return tuple(need for setting, need in services.waits.items() if setting in known)
