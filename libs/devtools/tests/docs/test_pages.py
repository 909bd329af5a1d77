"""What the pages point at exists: links, paths, targets of make, modules."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from daira_devtools.root import checkout_root

ROOT = checkout_root()
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
PAGES = [name for name in TRACKED.stdout.splitlines() if (ROOT / name).exists()]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:services|libs|contracts|compose|tests|docs|deploy)/[\w./-]*\w/?")
TARGET = re.compile(r"\bmake ([a-z-]+)")
MODULE = re.compile(r"python -m ([\w.]+\w)(?![\w<])")


def words(page: str) -> Iterator[str]:
    """What stands in code marks, and the lines of code blocks."""
    text = (ROOT / page).read_text()
    parts = text.split("```")
    for place, part in enumerate(parts):
        if place % 2:
            yield from part.splitlines()
        else:
            yield from CODE.findall(part)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = LINK.findall((ROOT / page).read_text())

    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_path_in_code_exists(page: str) -> None:
    named = {
        found
        for word in words(page)
        for found in PATH.findall(word)
        if PATH.match(word) and not re.search(r"[<>*{}…]|\.\.\.", word)
    }

    here = (ROOT / page).parent
    assert sorted(path for path in named if not (ROOT / path).exists() and not (here / path).exists()) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_can_be_given(page: str) -> None:
    text = "\n".join(words(page))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    assert sorted(set(TARGET.findall(text)) - targets) == []
    assert [name for name in MODULE.findall(text) if name.startswith("daira_") and not is_module(name)] == []


def is_module(name: str) -> bool:
    path = name.replace(".", "/")
    return any(ROOT.glob(f"*/*/src/{path}*")) or any(ROOT.glob(f"*/src/{path}*"))
