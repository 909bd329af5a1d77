"""What today's contracts are compared with when nobody says: never with themselves."""

import subprocess
from pathlib import Path

import msgspec

from daira_cli.contracts.reading import FOLDER, Contracts, at_revision, checkout, commit_of, git
from daira_cli.errors import Usage

PUBLISHED = "origin/main"
RELEASES = "v[0-9]*"
HELD = tuple(f"{FOLDER}/{part}" for part in ("schemas", "topics", "examples"))


def base_of(now: Contracts, root: Path | None = None) -> Contracts | None:
    """Where this branch left `origin/main`; on main, the last release; without one, what was before the last change.

    None when nothing was before `now`. Raises Usage when a shallow clone may hide what was.
    """
    where = root or checkout()
    head = commit_of("HEAD", where)
    if head is None:
        return None
    left = _asked(where, "merge-base", PUBLISHED, "HEAD")
    if left is None and _is_shallow(where):
        raise _too_shallow()
    if left is not None and left != head:
        return at_revision(left, where)
    # A release that is this very commit is not what its users had before.
    released = _asked(where, "describe", "--tags", "--abbrev=0", f"--match={RELEASES}", "HEAD^")
    return at_revision(released, where) if released else _before_the_last_change(now, where)


def _before_the_last_change(now: Contracts, root: Path) -> Contracts | None:
    """The newest commit whose contracts are others than `now`, following main through its merges."""
    committed = at_revision("HEAD", root)
    if not _same(committed, now):
        return committed
    for changed in git(root, "log", "--first-parent", "--format=%H", "--", *HELD).decode().split():
        parent = commit_of(f"{changed}^1", root)
        if parent is None and _is_shallow(root):
            raise _too_shallow()
        if parent is not None and not _same(before := at_revision(parent, root), now):
            return before if before.topics else None
    return None


def _same(one: Contracts, other: Contracts) -> bool:
    return msgspec.structs.replace(one, name=other.name) == other


def _is_shallow(root: Path) -> bool:
    return _asked(root, "rev-parse", "--is-shallow-repository") == "true"


def _too_shallow() -> Usage:
    return Usage(
        "this clone is shallow: what the contracts were before is not in it",
        then="git fetch --unshallow, with origin/main when this is another branch; or name a folder: --base FOLDER",
        code="shallow_clone",
    )


def _asked(root: Path, *question: str) -> str | None:
    """One line of git; None when it knows none."""
    try:
        return git(root, *question).decode().strip()
    except subprocess.CalledProcessError:
        return None
