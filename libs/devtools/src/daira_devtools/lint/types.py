"""`python -m daira_devtools.lint.types`: mypy, strict, over everything that people wrote."""

import subprocess
import sys

from daira_devtools.root import checkout_root

FOLDERS = ("contracts", "libs", "services", "tests")


def main() -> int:
    """mypy's exit code. Each file is known by its package, or by its path when it belongs to none (tests)."""
    root = checkout_root()
    folders = [name for name in FOLDERS if any((root / name).rglob("*.py"))]
    return subprocess.run([sys.executable, "-m", "mypy", *folders], cwd=root, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
