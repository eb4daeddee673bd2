"""Sums up what gcov counted in build folders.

    coverage.py count FOLDER FILE        writes what gcov counted in FOLDER to FILE
    coverage.py report LEAST FILE...     the share of lines reached, and those that were not

The report ends with status 1 if less than LEAST percent of all lines were reached.
tests/coverage.accepted says why some are not: groups of file, function and text, parted by tabs,
below the reason. Such a line that was reached after all, by chance or for good, is named.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from mutate import blank_comments, function_names

REPO = Path(__file__).resolve().parent.parent
SRC = REPO / "src"
ACCEPTED = REPO / "tests" / "coverage.accepted"


class Line(NamedTuple):
    """A line of code, where it stands now."""

    path: str
    function: str
    number: int


def count(folder: Path) -> Counter[Line]:
    """How often each line ran; a file is in many programs, a header in many files."""
    lines: Counter[Line] = Counter()
    for data in folder.rglob("*.gcda"):
        command = ["gcov", "--json-format", "--stdout", str(data.relative_to(folder))]
        out = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
        for report in map(json.loads, out.splitlines()):
            for file in report["files"]:
                path = Path(report["current_working_directory"], file["file"]).resolve()
                if path.is_relative_to(SRC):
                    name = str(path.relative_to(SRC))
                    for line in file["lines"]:
                        function = line.get("function_name", "")
                        lines[Line(name, function, line["line_number"])] += line["count"]
    return lines


def write_counts(folder: Path, file: Path) -> None:
    rows = [[*line, times] for line, times in sorted(count(folder).items())]
    if not rows:
        raise SystemExit(f"coverage.py: gcov has counted nothing in {folder}")
    file.write_text(json.dumps(rows), encoding="utf-8")


def read_accepted() -> dict[tuple[str, str, str], str]:
    """Read why lines are not reached: by file, function and text of the line."""
    reasons = {}
    reason = ""
    for line in ACCEPTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            path, function, text = line.split("\t")
            reasons[path, function, text] = reason
    return reasons


def report(least: float, files: list[Path]) -> int:
    lines: Counter[Line] = Counter()
    for file in files:
        for path, function, number, times in json.loads(file.read_text(encoding="utf-8")):
            lines[Line(path, function, number)] += times
    by_path: dict[str, dict[int, tuple[str, int]]] = defaultdict(dict)
    for line, times in lines.items():
        known = by_path[line.path].get(line.number, ("", 0))[1]
        by_path[line.path][line.number] = (line.function, known + times)

    accepted = read_accepted()
    excused: set[tuple[str, str, str]] = set()
    total = reached = listed = 0
    missed = []
    for path, numbers in sorted(by_path.items()):
        code = (SRC / path).read_text(encoding="utf-8")
        text = code.splitlines()
        names = function_names(blank_comments(code).splitlines())
        hit = sum(times > 0 for _, times in numbers.values())
        total += len(numbers)
        reached += hit
        print(f"{path:32} {hit:5} of {len(numbers):5} {hit / len(numbers):7.1%}")
        for number, (function, times) in sorted(numbers.items()):
            if times == 0:
                # gcov has no name for a function that is inlined everywhere.
                key = (path, function or names[number - 1], text[number - 1].strip())
                if key in accepted:
                    excused.add(key)
                    listed += 1
                else:
                    missed.append(f"{path}:{number}\t{key[1]}\t{key[2]}")
    for place in missed:
        print("not reached:", place)
    for key in sorted(accepted.keys() - excused):
        print("listed in tests/coverage.accepted, but reached:", *key, sep="\t")
    print(f"{reached} of {total} lines: {reached / total:.1%}; of the others {listed} are listed")
    return 0 if reached * 100 >= least * total else 1


def main() -> int:
    match sys.argv[1:]:
        case ["count", folder, file]:
            write_counts(Path(folder).resolve(), Path(file))
            return 0
        case ["report", least, *files]:
            return report(float(least), [Path(file) for file in files])
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
