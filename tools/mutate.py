"""Seeds faults into the C code, one at a time, and sees whether the C tests find each.

    mutate.py [--count N] [--seed SEED] [--jobs N] [--only TEXT] [--new] [--write] [--list]

The faults are drawn with a fixed seed from all that can be changed in src/engine, src/snapshot and
src/format: a comparison off by one or turned round, a sign, a connective, a bit operation, a
constant, a condition that never holds, a call that is left out, a result turned round. The walker
of invariants (check*.c) is part of the tests and left alone. Each fault is built and tested in a
copy of the tree below build/; one that the compiler refuses is not a fault, and the next is drawn.

A fault's place in the draw depends on the seed and its own text alone: a change of other lines
moves nothing. tests/mutants.tsv lists what was drawn, one a line: file and function, the line, what
it became, and what found it, or, argued in writing, why nothing does ("equivalent: ...", "out of
reach: ...", "for the sanitizers: ..."; these are not examined again).
--new examines what was drawn and is not on the list, --write writes the list anew: what was not
examined stays on it as long as the code has such a line.

Prints one line for each fault and ends with status 1 if one of them survived.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parent.parent
COPIES = REPO / "build" / "mutants"
LIST = REPO / "tests" / "mutants.tsv"
FLOORS = ("engine", "snapshot", "format")
COPIED = ("meson.build", "meson.options", "src", "tests", "tools")

TEST_LIMIT = 240
GRACE = 20
"""Seconds for all tests of one fault; one that hangs them is found."""

MEMORY_LIMIT = 8 << 30
"""Bytes of address space: a fault may ask for memory without end."""

SCALES = ("20", "100")
"""Percent of the usual random operations: what few of them find needs no more."""

ARGUED = ("equivalent: ", "out of reach: ", "for the sanitizers: ")
"""How verdicts begin that a person has written."""

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
FUNCTION = re.compile(r"^(?!struct \w+ \{)\w[^;={]*?\b(\w+)\(")


class Fault(NamedTuple):
    """One line of one file, and what it becomes."""

    path: str
    function: str
    repeat: int
    """How many lines of the function before it have the same text."""
    line: int
    old: str
    new: str

    @property
    def place(self) -> str:
        """Where the line is, as long as its function keeps it."""
        return f"{self.path}:{self.function}" + (f"#{self.repeat + 1}" if self.repeat else "")

    @property
    def name(self) -> str:
        """What the list knows the fault by."""
        return f"{self.place}\t{self.old.strip()}\t{self.new.strip()}"

    def rank(self, seed: int) -> bytes:
        """Give its place in the draw."""
        return hashlib.sha256(f"{seed}\t{self.name}".encode()).digest()


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


def function_names(code_lines: list[str]) -> list[str]:
    """Name for each line of C, its comments blanked, the function that began last, or ""."""
    names = [""]
    for code in code_lines:
        begins = FUNCTION.match(code)
        names.append(begins[1] if begins else names[-1])
    return names[1:]


def faults_of(path: Path) -> Iterator[Fault]:
    """Give all that can be changed in a file."""
    name = str(path.relative_to(REPO))
    text = path.read_text(encoding="utf-8")
    code_lines = blank_comments(text).splitlines()
    lines = zip(text.splitlines(), code_lines, function_names(code_lines), strict=True)
    begun = ""
    seen: Counter[str] = Counter()
    for number, (old, code, function) in enumerate(lines, 1):
        if function != begun:
            begun = function
            seen.clear()
        # What the compiler sees alone, and forward declarations, have no tests.
        if code.lstrip().startswith(("#", "static_assert", "_Static_assert")):
            continue
        repeat = seen[old.strip()]
        seen[old.strip()] += 1
        for new in changes(old, code):
            yield Fault(name, function, repeat, number, old, new)


def all_faults() -> list[Fault]:
    """Give all that can be changed in the code."""
    return [
        fault
        for floor in FLOORS
        for path in sorted((REPO / "src" / floor).iterdir())
        if path.suffix in (".c", ".h") and not path.name.startswith("check")
        for fault in faults_of(path)
    ]


def ranked(seed: int) -> list[Fault]:
    """All faults in the order of the draw."""
    return sorted(all_faults(), key=lambda fault: fault.rank(seed))


def drawn(seed: int) -> list[Fault]:
    """The faults in the order of the draw, of each line one at most."""
    by_line: dict[tuple[str, int], Fault] = {}
    for fault in ranked(seed):
        by_line.setdefault((fault.path, fault.line), fault)
    return list(by_line.values())


def listed() -> dict[str, str]:
    """Read the list: the verdict on each fault."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return {line.rpartition("\t")[0]: line.rpartition("\t")[2] for line in lines}


def rows(seed: int, verdicts: dict[str, str]) -> list[str]:
    """Give the list with these verdicts, in the order of the draw."""
    known = listed() | verdicts
    return [f"{fault.name}\t{known[fault.name]}" for fault in ranked(seed) if fault.name in known]


class Copy:
    """A copy of the tree, in which one fault at a time is built and tested."""

    def __init__(self, number: int) -> None:
        self.folder = COPIES / str(number)
        self.log = self.folder / "test.log"

    def run(self, command: list[str], log: Path, limit: int) -> int | None:
        """Run a command with a log; None if it took too long, and its children were ended."""
        with log.open("w") as out:
            process = subprocess.Popen(
                ["prlimit", f"--as={MEMORY_LIMIT}", "--", *command],
                cwd=self.folder,
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

    def prepare(self) -> None:
        """Copy the tree, build the tests, and see that they pass."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            source = REPO / name
            if source.is_dir():
                shutil.rmtree(self.folder / name, ignore_errors=True)
                shutil.copytree(source, self.folder / name)
            else:
                shutil.copy2(source, self.folder / name)
        setup = ["meson", "setup", "build", "-Dpython=false", "-Dtests=true", "-Db_lto=false"]
        setup += ["-Dbuildtype=plain", "-Dc_args=-O1 -Wno-error -w -fno-strict-aliasing"]
        shutil.rmtree(self.folder / "build", ignore_errors=True)
        log = self.folder / "prepare.log"
        for command in (setup, ["ninja", "-C", "build", "-j1"]):
            if self.run(command, log, 900) != 0:
                raise SystemExit(f"mutate.py: cannot build the tests: see {log}")
        if self.verdict("engine") != "SURVIVED":
            raise SystemExit(f"mutate.py: the tests fail without any fault: see {self.log}")

    def verdict(self, floor: str) -> str:
        """Run the tests of the fault's floor first, then those that stand on it."""
        for scale in SCALES:
            for suite in SUITES[floor]:
                command = ["env", f"CTM_TEST_SCALE={scale}", "meson", "test", "-C", "build"]
                command += ["--no-rebuild", "--maxfail=1", "--num-processes=1", "--suite", suite]
                status = self.run(command, self.log, TEST_LIMIT)
                if status is None:
                    return "found: it hangs"
                text = self.log.read_text(errors="replace")
                if status != 0:
                    failed = re.search(r"(\S+) +(?:FAIL|TIMEOUT|ERROR|killed)", text)
                    return f"found by {failed[1].rpartition(':')[2] if failed else suite}"
                if not re.search(r"^Ok: +[1-9]", text, re.M):
                    raise SystemExit(f"mutate.py: suite {suite} has no tests")
        return "SURVIVED"

    def examine(self, fault: Fault) -> str | None:
        """Build with the fault and test; None if it cannot be built."""
        path = self.folder / fault.path
        original = path.read_text(encoding="utf-8")
        lines = original.splitlines(keepends=True)
        assert lines[fault.line - 1].rstrip("\n") == fault.old, fault
        lines[fault.line - 1] = fault.new + "\n"
        path.write_text("".join(lines), encoding="utf-8")
        try:
            status = self.run(["ninja", "-C", "build", "-j1"], self.folder / "build.log", 600)
            return self.verdict(fault.path.split("/")[1]) if status == 0 else None
        finally:
            path.write_text(original, encoding="utf-8")


class Examination:
    """The faults of a draw, which several copies of the tree share."""

    def __init__(self, faults: list[Fault], count: int, known: dict[str, str]) -> None:
        self._faults = iter(faults)
        self._left = count
        self._known = known
        self._lock = threading.Lock()
        self.verdicts: dict[str, str] = {}

    def _next(self, refused: bool) -> Fault | None:
        """Draw until a fault has no verdict yet; one that was refused has not counted."""
        with self._lock:
            self._left += refused
            for fault in self._faults if self._left else ():
                self._left -= 1
                if fault.name not in self._known:
                    return fault
                self.verdicts[fault.name] = self._known[fault.name]
                if not self._left:
                    break
            return None

    def work(self, copy: Copy) -> None:
        """Examine in one copy what the others have not taken."""
        fault = self._next(refused=False)
        while fault:
            result = copy.examine(fault)
            if result is not None:
                with self._lock:
                    self.verdicts[fault.name] = result
                    print(len(self.verdicts), fault.name, result, sep="\t", flush=True)
            fault = self._next(refused=result is None)


def main() -> int:
    parser = argparse.ArgumentParser(description="Seed faults and see whether the tests find them.")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="copies of the tree to work in")
    parser.add_argument("--only", default="", help="faults whose FILE:FUNCTION has this text")
    parser.add_argument("--new", action="store_true", help="only those that are not listed")
    parser.add_argument("--write", action="store_true", help=f"write {LIST.relative_to(REPO)} anew")
    parser.add_argument("--list", action="store_true", help="print what can be drawn, in order")
    options = parser.parse_args()

    faults = [fault for fault in drawn(options.seed) if options.only in fault.place]
    if options.list:
        print(*(fault.name for fault in faults), sep="\n")
        return 0

    known = {
        name: verdict
        for name, verdict in listed().items()
        if verdict.startswith(ARGUED) or (options.new and verdict != "SURVIVED")
    }
    print(f"seed {options.seed}, {len(faults)} places can be changed", flush=True)
    examination = Examination(faults, options.count, known)
    copies = [Copy(number) for number in range(options.jobs)]
    with ThreadPoolExecutor(options.jobs) as workers:
        list(workers.map(Copy.prepare, copies))
        list(workers.map(examination.work, copies))
    verdicts = examination.verdicts
    if options.write:
        LIST.write_text("\n".join(rows(options.seed, verdicts)) + "\n", encoding="utf-8")
    survived = sum(verdict == "SURVIVED" for verdict in verdicts.values())
    print(f"{len(verdicts)} faults, {survived} not found")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
