"""The gateway: one route table from the services' own routes, and the Envoy configuration made of it."""

from pathlib import Path
from shutil import copyfile

import yaml

from daira_devtools.gateway import merged
from daira_devtools.gateway.edge import Edge
from daira_devtools.gateway.envoy import configuration
from daira_devtools.gateway.table import load
from daira_devtools.root import checkout_root
from daira_devtools.stack.table import load as load_processes

__all__ = ["render"]


def render(base_port: int, directory: Path) -> Path:
    """Write `envoy.yaml` of a local stack, and the documents it serves itself, into `directory`."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    copyfile(checkout_root() / merged.FILE, directory / "openapi.json")
    rows = load_processes()
    edge = Edge(
        env="dev",
        host=rows.host,
        port=rows.port(base_port, "envoy", "http"),
        admin_port=rows.port(base_port, "envoy", "admin"),
        upstreams={name: (rows.host, rows.port(base_port, name, "http")) for name in rows.service.names},
        openapi=directory / "openapi.json",
    )
    return write(edge, directory)


def write(edge: Edge, directory: Path) -> Path:
    """Write `envoy.yaml` for any edge."""
    path = directory / "envoy.yaml"
    path.write_text(yaml.safe_dump(configuration(edge, load()), sort_keys=False, width=120), encoding="utf-8")
    return path
