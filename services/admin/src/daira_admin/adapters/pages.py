"""Files of the pages, read once from the package into memory."""

from collections.abc import Iterator
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it goes out; `tag` changes with its bytes."""

    body: bytes
    content_type: str
    tag: str


def read_folder(folder: str) -> dict[str, File]:
    """Every servable file below `static/<folder>` by its bare name; the page itself is `index.html`."""
    return {entry.name: _file(entry) for entry in _entries(files("daira_admin") / "static" / folder) if _type(entry)}


def _entries(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _entries(entry)
        else:
            yield entry


def _type(entry: Traversable) -> str | None:
    return TYPES.get(entry.name.rpartition(".")[2])


def _file(entry: Traversable) -> File:
    body = entry.read_bytes()
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    return File(body=body, content_type=_type(entry) or "", tag=tag)
