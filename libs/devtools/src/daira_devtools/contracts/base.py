"""The contracts as they were at a commit."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from daira_contracts.topics import Topic
from daira_devtools.contracts.compat import Schema

FALLBACKS = ("origin/main", "HEAD")


class Base:
    """Reads `contracts/` out of git without touching the working tree."""

    def __init__(self, root: Path, revision: str) -> None:
        self._root = root
        self.revision = revision

    def schemas(self) -> dict[str, Schema]:
        return {
            topic: msgspec.json.decode(text, type=Schema) for topic, text in self._files("contracts/schemas", ".json")
        }

    def topics(self) -> dict[str, Topic]:
        """Topic files as the base wrote them; keys that a topic file no longer knows are ignored."""
        found: dict[str, Topic] = {}
        known = {field.encode_name for field in msgspec.structs.fields(Topic)}
        for topic, text in self._files("contracts/topics", ".yaml"):
            values = msgspec.yaml.decode(text, type=dict[str, object])
            found[topic] = msgspec.convert({key: values[key] for key in values.keys() & known}, Topic)
        return found

    def changed_examples(self) -> list[str]:
        """Examples of the base that are gone or different in the working tree: they are append-only."""
        listed = _git(self._root, "diff", "--name-only", "--diff-filter=DMR", self.revision, "--", "contracts/examples")
        return listed.split()

    def _files(self, folder: str, suffix: str) -> Iterator[tuple[str, bytes]]:
        listed = _git(self._root, "ls-tree", "-r", "--name-only", self.revision, "--", folder)
        for name in listed.split():
            if name.endswith(suffix):
                text = _git(self._root, "show", f"{self.revision}:{name}")
                yield Path(name).name.removesuffix(suffix), text.encode()


def resolve(root: Path, wanted: str | None) -> str | None:
    """The commit to compare with: where this branch left `origin/main`, or the last commit.

    None when there is none to compare with (no commit yet, or `wanted` is unknown to a shallow clone).
    """
    for name in (wanted,) if wanted else FALLBACKS:
        try:
            return _git(root, "merge-base", name, "HEAD").strip()
        except subprocess.CalledProcessError:
            continue
    return None


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout
