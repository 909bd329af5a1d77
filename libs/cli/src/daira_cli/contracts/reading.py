"""Where contracts are read from: the installed package, a git revision of this checkout, or a folder."""

import subprocess
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import msgspec

from daira_cli.errors import Usage
from daira_contracts.schema import Schema, all_schemas
from daira_contracts.topics import Topic, topics

FOLDER = "contracts"


class Contracts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one tree says. `examples` by `<topic>/<case>.json`."""

    name: str
    schemas: Mapping[str, Schema]
    topics: Mapping[str, Topic]
    examples: Mapping[str, bytes]


def installed() -> Contracts:
    """What the code that runs here speaks."""
    return Contracts(name="as installed", schemas=all_schemas(), topics=topics(), examples=examples())


def examples(topic: str | None = None) -> dict[str, bytes]:
    """Messages as they once were on the wire, of one topic or of all."""
    folder = resources.files("daira_contracts").joinpath("examples")
    found: dict[str, bytes] = {}
    for one in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if one.is_dir() and topic in (None, one.name):
            files = (file for file in one.iterdir() if file.name.endswith(".json"))
            found |= {f"{one.name}/{file.name}": file.read_bytes() for file in sorted(files, key=lambda f: f.name)}
    return found


def named(name: str) -> Contracts:
    """A folder with `schemas/` and `topics/` (or the checkout around them), else a git revision. Raises Usage."""
    folder = Path(name)
    if folder.is_dir():
        return in_folder(folder if (folder / "topics").is_dir() else folder / FOLDER)
    revision = commit_of(name)
    if revision is None:
        raise Usage(f"{name} is neither a folder nor a revision of this checkout", code="unknown_base")
    return at_revision(revision)


def in_folder(folder: Path) -> Contracts:
    """A `contracts/` folder as it lies there. Raises Usage when it is none."""
    if not (folder / "topics").is_dir():
        raise Usage(f"{folder} holds no topics/", then="name a contracts folder or a checkout", code="unknown_base")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _listed(folder)}
    return _made(str(folder), files)


def at_revision(revision: str, root: Path | None = None) -> Contracts:
    """As committed; the working tree is not touched. Raises Usage outside a checkout."""
    where = root or checkout()
    names = git(where, "ls-tree", "-r", "-z", "--name-only", revision, "--", FOLDER).decode().split("\0")
    wanted = [name for name in names if name.endswith((".json", ".yaml"))]
    return _made(revision[:12], dict(_blobs(where, revision, wanted)))


def commit_of(revision: str, root: Path | None = None) -> str | None:
    """The id of a commit; None when this clone has none of that name."""
    try:
        return git(root or checkout(), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError:
        return None


def checkout() -> Path:
    """The root of the checkout around the working directory. Raises Usage outside one."""
    try:
        return Path(git(Path.cwd(), "rev-parse", "--show-toplevel").decode().strip())
    except (subprocess.CalledProcessError, FileNotFoundError):
        raise Usage(
            "not inside a git checkout",
            then="run it in one, or compare with a folder: --base FOLDER",
            code="no_checkout",
        ) from None


def git(root: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """Standard output of git. Raises CalledProcessError."""
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, input=given).stdout  # noqa: S603 - git alone


def _listed(folder: Path) -> Iterator[Path]:
    yield from (folder / "topics").glob("*.yaml")
    yield from (folder / "schemas").glob("*.json")
    yield from (folder / "examples").glob("*/*.json")


def _blobs(root: Path, revision: str, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """All files in one run of git."""
    asked = "".join(f"{revision}:{name}\n" for name in names).encode()
    answer, at = git(root, "cat-file", "--batch", given=asked), 0
    for name in names:
        head, _, _ = answer[at:].partition(b"\n")
        size = int(head.split()[-1])
        start = at + len(head) + 1
        yield name.removeprefix(f"{FOLDER}/"), answer[start : start + size]
        at = start + size + 1


def _made(name: str, files: Mapping[str, bytes]) -> Contracts:
    def below(folder: str) -> dict[str, bytes]:
        start = f"{folder}/"
        return {path.removeprefix(start): text for path, text in files.items() if path.startswith(start)}

    return Contracts(
        name=name,
        schemas={_stem(path): msgspec.json.decode(text, type=Schema) for path, text in below("schemas").items()},
        topics={_stem(path): _topic(text) for path, text in below("topics").items()},
        examples=below("examples"),
    )


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def _topic(text: bytes) -> Topic:
    """Keys that a topic file no longer knows are ignored: an old tree may have had others."""
    known = {field.encode_name for field in msgspec.structs.fields(Topic)}
    values = msgspec.yaml.decode(text, type=dict[str, object])
    return msgspec.convert({key: values[key] for key in values.keys() & known}, Topic)
