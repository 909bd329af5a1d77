"""Every setting of a service: its variable, its value and where that comes from, and what it means."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from daira_cli.services import AnyService, names
from daira_cli.where import Where, start_of
from daira_kit.settings import surroundings

HIDDEN = "(hidden)"
SECRET = re.compile(r"secret|password|private|access_key|token$|api_key|_key$")
NOT_SECRET = ("root_public_key",)
PASSWORD = re.compile(r"(?<=://)([^:@/\s]*):[^@/\s]+@|(?<=password=)\S+")
SUFFIX = "_FILE"
START = "DAIRA_"


class Setting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a settings struct. `value` is hidden where it is a secret; None where it is missing."""

    service: str
    name: str
    variable: str
    type: str
    value: str | None
    source: str
    """`environment`, `file PATH`, `stack`, `default` or `missing`."""
    default: str | None = None
    about: str = ""
    problem: str = ""
    """Why the service would refuse to start."""


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A variable that no setting has."""

    variable: str
    closest: str


def settings_of(service: AnyService, where: Where) -> list[Setting]:
    """All of them, in the order they are declared."""
    about = meanings(service.settings)
    environ, filled, told = where.environ(service), where.filled_in(service), surroundings()
    found = []
    for field in msgspec.structs.fields(service.settings):
        variable = f"{START}ENV" if field.name == "env" else start_of(service) + field.name.upper()
        value, source = _value(variable, environ, told, filled)
        default = None if field.default is msgspec.NODEFAULT else str(field.default)
        problem = _problem(field, value, source)
        found.append(
            Setting(
                service=service.name,
                name=field.name,
                variable=variable,
                type=_type_text(field.type),
                value=shown(field.name, default if value is None else value),
                source=source or ("missing" if field.required else "default"),
                default=shown(field.name, default),
                about=about.get(field.name, ""),
                problem=problem,
            )
        )
    return found


def unknown(services: list[AnyService]) -> list[Unknown]:
    """Variables that look like a service's and are none: the service would refuse to start, or never see them."""
    known = {variable: None for service in services for variable in _variables(service)}
    found = []
    for variable in sorted(surroundings()):
        if not variable.startswith(START) or variable.removesuffix(SUFFIX) in known or variable in known:
            continue
        if any(variable.startswith(start_of(service)) for service in services) or _means_a_service(variable):
            close = get_close_matches(variable.removesuffix(SUFFIX), known, n=1)
            found.append(Unknown(variable=variable, closest=close[0] if close else ""))
    return found


def meanings(settings: type[Any]) -> dict[str, str]:
    """The text below each field, of the struct and what it extends."""
    found: dict[str, str] = {}
    for one in reversed(settings.__mro__):
        if one is not msgspec.Struct and issubclass(one, msgspec.Struct):
            found |= dict(_texts(one))
    return found


def shown(name: str, value: str | None) -> str | None:
    """The value for people: nothing of a secret, no password of an address."""
    if not value:
        return value
    if SECRET.search(name) and name not in NOT_SECRET:
        return HIDDEN
    return PASSWORD.sub(lambda found: f"{found[1]}:{HIDDEN}@" if found[1] is not None else HIDDEN, value)


def _texts(settings: type[Any]) -> Iterator[tuple[str, str]]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(body, ast.ClassDef)
    for field, text in pairwise(body.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            about = _text_of(text)
            if about:
                yield field.target.id, about


def _text_of(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).split())
    return ""


def _value(
    variable: str, environ: Mapping[str, str], told: Mapping[str, str], filled: Mapping[str, str]
) -> tuple[str | None, str]:
    if variable + SUFFIX in environ:
        path = Path(environ[variable + SUFFIX])
        return (path.read_text().strip() if path.is_file() else None), f"file {path}"
    if variable not in environ:
        return None, ""
    if told.get(variable) == environ[variable]:
        return environ[variable], "environment"
    return environ[variable], "stack" if filled.get(variable) == environ[variable] else "command line"


def _problem(field: Any, value: str | None, source: str) -> str:
    if value is None and source:
        return f"{source} is not there"
    if value is None:
        return "missing" if field.required else ""
    try:
        msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _type_text(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).removeprefix("typing.")


def _variables(service: AnyService) -> list[str]:
    fields = msgspec.structs.fields(service.settings)
    return [start_of(service) + field.name.upper() for field in fields if field.name != "env"]


def _means_a_service(variable: str) -> bool:
    """DAIRA_FED_PORT is meant for feed; DAIRA_CACHE is for nobody here."""
    word = variable.removeprefix(START).partition("_")[0].lower()
    return word not in ("env", "stack", "cache") and bool(get_close_matches(word, names(), n=1, cutoff=0.75))
