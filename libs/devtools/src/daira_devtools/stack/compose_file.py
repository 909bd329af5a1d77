"""`compose/services.yaml`: the eleven services from images, written from the same table as the native stack.

The services use the host's network, so that each gets exactly the environment it has as a plain process.
"""

import re
import tomllib
from collections.abc import Callable
from typing import Any

import yaml

from daira_devtools.root import checkout_root
from daira_devtools.stack import service_env
from daira_devtools.stack.fill import NAME
from daira_devtools.stack.table import Table, load

PATH = "compose/services.yaml"
DEFAULT_BASE = 8080
HEAD = """\
# Written by `make compose` from native.toml and the services' settings; do not edit.
# Ports and secrets are variables: `python -m daira_devtools.stack compose --name main` writes
# them into .stack/main/compose.env.

"""


def variable(name: str) -> str:
    """The name in an environment file for a `${name}` of the table: `port.kafka.broker` is PORT_KAFKA_BROKER."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def render(table: Table) -> str:
    """The whole file."""
    services = {name: _service(name, table) for name in table.service.names}
    return HEAD + yaml.safe_dump({"services": services}, sort_keys=False, width=160)


def environment_file(table: Table, look: Callable[[str], str | None], base: int) -> str:
    """Every variable the two compose files use, for one stack; `look` knows the secrets."""
    texts = [text for service in table.service.names for text in _settings(service, table).values()]
    names = {f"port.{name}" for name in table.ports(base)} | {name for text in texts for name in NAME.findall(text)}
    return "".join(f"{variable(name)}={look(name)}\n" for name in sorted(names))


def write() -> str:
    """Writes the file of this checkout; returns its name."""
    (checkout_root() / PATH).write_text(render(load()))
    return PATH


def _service(name: str, table: Table) -> dict[str, Any]:
    port = _as_variables(f"${{port.{name}.http}}", table)
    probe = f"import urllib.request as r; r.urlopen('http://{table.host}:{port}/readyz')"
    settings = {
        f"DAIRA_{name}_{setting}".upper(): _as_variables(text, table)
        for setting, text in _settings(name, table).items()
    }
    return {
        "image": f"daira/{name}:dev",
        "build": {"context": "..", "dockerfile": "compose/Dockerfile", "args": _build_arguments(name)},
        "network_mode": "host",
        "environment": {**table.service.env, **settings},
        "healthcheck": {"test": ["CMD", "python", "-c", probe], "interval": "2s", "timeout": "5s", "retries": 60},
        "stop_grace_period": f"{table.service.stop_seconds:.0f}s",
    }


def _build_arguments(service: str) -> dict[str, str]:
    """This is the development profile: who has providers that call nobody gets them into its image."""
    project = tomllib.loads((checkout_root() / "services" / service / "pyproject.toml").read_text())["project"]
    extras = {"EXTRAS": "[sandbox]"} if "sandbox" in project.get("optional-dependencies", {}) else {}
    return {"SERVICE": service} | extras


def _settings(service: str, table: Table) -> dict[str, str]:
    known = service_env.declared(service)
    return {name: text for name, text in table.service.values(service).items() if name in known}


def _as_variables(text: str, table: Table) -> str:
    defaults = {f"port.{name}": port for name, port in table.ports(DEFAULT_BASE).items()} | {"base": DEFAULT_BASE}

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        return f"${{{variable(name)}:-{defaults[name]}}}" if name in defaults else f"${{{variable(name)}:?}}"

    return NAME.sub(value, text)
