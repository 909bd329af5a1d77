"""`python -m daira_devtools.lint [--list] [PATH…]`: exit code 1 when a rule of the house is broken."""

import sys
from pathlib import Path, PurePosixPath

from daira_devtools.lint.engine import check_file, tracked_files
from daira_devtools.lint.rules import ALL
from daira_devtools.lint.source import SourceFile
from daira_devtools.root import checkout_root


def main(arguments: list[str]) -> int:
    if "--list" in arguments:
        print("\n".join(f"{rule.code:18} {rule.why}" for rule in ALL))
        return 0
    root = checkout_root()
    wanted = [Path(name).resolve() for name in arguments]
    checked = 0
    findings = []
    for path in tracked_files(root):
        if wanted and not any((root / path).resolve().is_relative_to(place) for place in wanted):
            continue
        checked += 1
        findings.extend(check_file(SourceFile.read(root, PurePosixPath(path)), ALL))
    for finding in findings:
        print(finding)
    print(f"house: {len(findings)} findings in {checked} files, {len(ALL)} rules")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
