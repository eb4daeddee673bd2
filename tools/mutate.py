"""Seeds faults into the C code, one at a time, and sees whether the C tests find each.

    mutate.py [--count N] [--seed SEED] [--only ID,ID...] [--list] [--results FILE]

The faults are drawn with a fixed seed from all that can be changed in src/engine, src/snapshot and
src/format: a comparison off by one or turned round, a sign, a connective, a bit operation, a
constant, a condition that never holds, a call that is left out, a result turned round. The walker
of invariants (check*.c) is part of the tests and left alone. Each fault is built and tested in a
copy of the tree below build/; one that the compiler refuses is not a fault, and the next is drawn.

Prints one line for each fault and ends with status 1 if one of them survived.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parent.parent
COPY = REPO / "build" / "mutants"
FLOORS = ("engine", "snapshot", "format")
COPIED = ("meson.build", "meson.options", "src", "tests", "tools")

TEST_LIMIT = 240
GRACE = 20
"""Seconds for all tests of one fault; one that hangs them is found."""

MEMORY_LIMIT = 8 << 30
"""Bytes of address space: a fault may ask for memory without end."""

SCALES = ("20", "100")
"""Percent of the usual random operations: what few of them find needs no more."""

SUITES = {
    "engine": ("engine",),
    "snapshot": ("snapshot", "engine", "format"),
    "format": ("format",),
}

COMMENT_OR_LITERAL = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S
)

REPLACEMENTS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r" < ", " <= "),
        (r" <= ", " < "),
        (r" > ", " >= "),
        (r" >= ", " > "),
        (r" == ", " != "),
        (r" != ", " == "),
        (r" \+ ", " - "),
        (r" - ", " + "),
        (r" \+= ", " -= "),
        (r" -= ", " += "),
        (r"\b\+\+", "--"),
        (r" && ", " || "),
        (r" \|\| ", " && "),
        (r" & ", " | "),
        (r" \| ", " & "),
        (r" << ", " >> "),
        (r" >> ", " << "),
        (r"(?<=\()!(?=\w)", ""),
        (r"(?<=\breturn )true(?=;)", "false"),
        (r"(?<=\breturn )false(?=;)", "true"),
        (r"(?<= = )true(?=;)", "false"),
        (r"(?<= = )false(?=;)", "true"),
        (r"(?<= )0(?=[;,)])", "1"),
        (r"(?<= )1(?=[;,)])", "2"),
    ]
]
CONDITION = re.compile(r"^(\s*(?:\} else )?if )\((.*)\) \{$")
CALL = re.compile(r"^(\s+)(?:\(void\))?\w+\([^;{}]*\);$")


class Fault(NamedTuple):
    """One line of one file, and what it becomes."""

    path: str
    line: int
    old: str
    new: str

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line}"


def blank_comments(text: str) -> str:
    """Blank comments and literals; every character keeps its place."""
    return COMMENT_OR_LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def changes(old: str, code: str) -> Iterator[str]:
    """Give each line that `old` can become; `code` is the same without comments and literals."""
    for pattern, replacement in REPLACEMENTS:
        for match in pattern.finditer(code):
            yield old[: match.start()] + replacement + old[match.end() :]
    if condition := CONDITION.match(code):
        yield f"{condition[1]}(false && ({old[condition.start(2) : condition.end(2)]})) {{"
    if call := CALL.match(code):
        yield f"{call[1]};"


def all_faults() -> list[Fault]:
    faults = []
    for floor in FLOORS:
        for path in sorted((REPO / "src" / floor).iterdir()):
            if path.suffix not in (".c", ".h") or path.name.startswith("check"):
                continue
            text = path.read_text(encoding="utf-8")
            lines = zip(text.splitlines(), blank_comments(text).splitlines(), strict=True)
            for number, (old, code) in enumerate(lines, 1):
                # What the compiler sees alone, and forward declarations, have no tests.
                if code.lstrip().startswith(("#", "static_assert", "_Static_assert")):
                    continue
                name = str(path.relative_to(REPO))
                faults += [Fault(name, number, old, new) for new in changes(old, code)]
    return faults


def drawn(seed: int) -> list[Fault]:
    """All faults in a random order, of each line one at most."""
    faults = all_faults()
    random.Random(seed).shuffle(faults)
    by_line: dict[str, Fault] = {}
    for fault in faults:
        by_line.setdefault(fault.name, fault)
    return list(by_line.values())


def run(command: list[str], log: Path, limit: int) -> int | None:
    """Run a command with a log; None if it took too long, and its children were ended."""
    with log.open("w") as out:
        process = subprocess.Popen(
            ["prlimit", f"--as={MEMORY_LIMIT}", "--", *command],
            cwd=COPY,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            # Meson's tests lead groups of their own, which it ends when it is asked to end.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return None


def prepare() -> None:
    COPY.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source = REPO / name
        if source.is_dir():
            shutil.rmtree(COPY / name, ignore_errors=True)
            shutil.copytree(source, COPY / name)
        else:
            shutil.copy2(source, COPY / name)
    setup = ["meson", "setup", "build", "-Dpython=false", "-Dtests=true", "-Db_lto=false"]
    setup += ["-Dbuildtype=plain", "-Dc_args=-O1 -Wno-error -w -fno-strict-aliasing"]
    shutil.rmtree(COPY / "build", ignore_errors=True)
    for command in (setup, ["ninja", "-C", "build", "-j1"]):
        if run(command, COPY / "prepare.log", 900) != 0:
            sys.exit(f"mutate.py: cannot build the tests: see {COPY / 'prepare.log'}")
    if verdict(Fault("src/engine/", 0, "", "")) != "SURVIVED":
        sys.exit(f"mutate.py: the tests fail without any fault: see {COPY / 'test.log'}")


def verdict(fault: Fault) -> str:
    """Run the tests of the fault's floor first, then those that stand on it."""
    for scale in SCALES:
        for suite in SUITES[fault.path.split("/")[1]]:
            command = ["env", f"CTM_TEST_SCALE={scale}", "meson", "test", "-C", "build"]
            command += ["--no-rebuild", "--maxfail=1", "--num-processes=1", "--suite", suite]
            status = run(command, COPY / "test.log", TEST_LIMIT)
            if status is None:
                return "found: it hangs"
            text = (COPY / "test.log").read_text(errors="replace")
            if status != 0:
                failed = re.search(r"(\S+) +(?:FAIL|TIMEOUT|ERROR|killed)", text)
                return f"found by {failed[1].rpartition(':')[2] if failed else suite}"
            if not re.search(r"^Ok: +[1-9]", text, re.M):
                sys.exit(f"mutate.py: suite {suite} has no tests")
    return "SURVIVED"


def examine(fault: Fault) -> str | None:
    """Build with the fault and test; None if it cannot be built."""
    path = COPY / fault.path
    original = path.read_text(encoding="utf-8")
    lines = original.splitlines(keepends=True)
    assert lines[fault.line - 1].rstrip("\n") == fault.old, fault
    lines[fault.line - 1] = fault.new + "\n"
    path.write_text("".join(lines), encoding="utf-8")
    try:
        status = run(["ninja", "-C", "build", "-j1"], COPY / "build.log", 600)
        return verdict(fault) if status == 0 else None
    finally:
        path.write_text(original, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Seed faults and see whether the tests find them.")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="FILE:LINE,...: these places alone")
    parser.add_argument("--list", action="store_true", help="print what can be drawn, in order")
    parser.add_argument("--results", type=Path, help="write the lines to this file as well")
    options = parser.parse_args()

    faults = drawn(options.seed)
    if options.only:
        names = options.only.split(",")
        faults = [fault for fault in faults if fault.name in names]
    if options.list:
        for fault in faults:
            print(f"{fault.name}\t{fault.old.strip()}\t{fault.new.strip()}")
        return 0

    prepare()
    print(f"seed {options.seed}, {len(faults)} places can be changed", flush=True)
    examined = survived = 0
    report = []
    for fault in faults:
        if examined == options.count:
            break
        result = examine(fault)
        if result is None:
            continue
        examined += 1
        survived += result == "SURVIVED"
        report.append(f"{fault.name}\t{fault.old.strip()}\t{fault.new.strip()}\t{result}")
        print(examined, report[-1], sep="\t", flush=True)
        if options.results:
            options.results.write_text("\n".join(report) + "\n", encoding="utf-8")
    print(f"{examined} faults, {survived} not found")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
