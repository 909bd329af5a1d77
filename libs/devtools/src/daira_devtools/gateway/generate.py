"""The generated files of the gateway: written by `generate`, compared by `drift`."""

from pathlib import Path

from daira_devtools.gateway import merged, reading, table
from daira_devtools.gateway.applications import application
from daira_devtools.stack.table import load as load_processes


def rendered() -> dict[str, str]:
    """Path below the checkout's root → text."""
    apps = {service: application(service) for service in load_processes().service.names}
    documents = {service: app.openapi_schema.to_schema() for service, app in apps.items()}
    return {
        table.FILE: table.encode(reading.build(apps)),
        merged.FILE: merged.encode(merged.merge(documents)),
    }


def write(root: Path) -> list[str]:
    """Writes what differs and returns the paths written."""
    changed = {name: text for name, text in rendered().items() if _text(root / name) != text}
    for name, text in changed.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return list(changed)


def drift(root: Path) -> list[str]:
    """Paths whose committed text is not what the services say."""
    return [name for name, text in rendered().items() if _text(root / name) != text]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
