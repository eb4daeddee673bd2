"""Sums up what gcov counted in a build folder: coverage.py FOLDER LEAST_PERCENT."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"


def counts(folder: Path) -> dict[Path, dict[int, int]]:
    """How often each line ran; a file is in many programs, a header in many files."""
    lines: dict[Path, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for data in folder.rglob("*.gcda"):
        command = ["gcov", "--json-format", "--stdout", str(data.relative_to(folder))]
        out = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
        for report in map(json.loads, out.splitlines()):
            for file in report["files"]:
                path = Path(report["current_working_directory"], file["file"]).resolve()
                if path.is_relative_to(SRC):
                    for line in file["lines"]:
                        lines[path.relative_to(SRC)][line["line_number"]] += line["count"]
    return lines


def main() -> int:
    folder, least = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    files = counts(folder)
    for path, lines in sorted(files.items()):
        if missed := [str(line) for line, count in sorted(lines.items()) if count == 0]:
            print(f"{path}: not reached: {', '.join(missed)}")
    total = sum(len(lines) for lines in files.values())
    reached = sum(count > 0 for lines in files.values() for count in lines.values())
    if total == 0:
        raise SystemExit("coverage.py: gcov has counted nothing")
    print(f"{reached} of {total} lines: {reached / total:.1%}")
    return 0 if reached * 100 >= least * total else 1


if __name__ == "__main__":
    sys.exit(main())
