"""`python -m daira_devtools.lint [--list] [PATH…]`: exit code 1 when a rule of the house is broken."""

import sys
from pathlib import Path

from daira_devtools.lint.engine import check_file, tracked_files
from daira_devtools.lint.rules import ALL
from daira_devtools.lint.shape import shape
from daira_devtools.lint.source import SourceFile
from daira_devtools.root import checkout_root


def main(arguments: list[str]) -> int:
    if "--list" in arguments:
        print("\n".join(f"{rule.code:18} {rule.why}" for rule in ALL))
        return 0
    root = checkout_root()
    wanted = [Path(name).resolve() for name in arguments]
    files = [
        SourceFile.read(root, path)
        for path in tracked_files(root)
        if not wanted or any((root / path).resolve().is_relative_to(place) for place in wanted)
    ]
    findings = [finding for file in files for finding in check_file(file, ALL)]
    for finding in findings:
        print(finding)
    if not findings:
        print(shape(files))
    print(f"house: {len(findings)} findings in {len(files)} files, {len(ALL)} rules")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
