"""Every generated file of the contracts: written by `generate`, compared by `drift`."""

from pathlib import Path

from daira_contracts import schema
from daira_contracts.topics import topics
from daira_devtools.contracts import asyncapi, catalogue, strimzi


def rendered() -> dict[str, str]:
    """Path below the checkout's root → text. The whole of what is generated."""
    listed = list(topics().values())
    files = {f"contracts/schemas/{topic}.json": schema.pretty(body) for topic, body in schema.all_schemas().items()}
    return files | {
        "contracts/CATALOGUE.md": catalogue.render(listed),
        "contracts/asyncapi.yaml": asyncapi.render(listed),
        "deploy/kafka/topics.yaml": strimzi.render_topics(listed),
        "deploy/kafka/users.yaml": strimzi.render_users(listed),
    }


def stale_schemas(root: Path, files: dict[str, str]) -> list[str]:
    """Schema files that no event stands behind any more."""
    held = (root / "contracts" / "schemas").glob("*.json")
    return sorted(name for path in held if (name := path.relative_to(root).as_posix()) not in files)


def write(root: Path) -> list[str]:
    """Writes what differs and returns the paths written. Files without an event are left for a person to judge."""
    changed = []
    for name, text in rendered().items():
        path = root / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        changed.append(name)
    return changed


def drift(root: Path) -> list[str]:
    """Paths whose committed text is not what the structs and topic files say."""
    files = rendered()
    differing = [name for name, text in files.items() if _text(root / name) != text]
    return differing + stale_schemas(root, files)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
