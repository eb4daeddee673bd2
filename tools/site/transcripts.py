"""Runs the commands that the documentation shows, and compares what they print with what it shows.

    transcripts.py          write what they print into the transcripts
    transcripts.py --check  complain where what they print is another text

A transcript, `docs/examples/FOLDER/NAME.txt`, has commands after a `$ `, each with what it printed
below. They run in one shell, in a copy of the folder. A line `--- [PART]` names what is below it,
for pages that show a part. With other numbers the text is still the same
as long as they are close: sizes and counts differ from run to run by some blocks. See `compare`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Final

import ctracemalloc

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "docs" / "examples"
# Frames of comprehensions differ between versions, and an editable install loads other modules.
VERSION: Final = (3, 11)
AS_SHOWN: Final = "Python 3.11 with ctracemalloc installed from a wheel"
TIMEOUT_SECONDS: Final = 300
# What a reader's files may be called.
SHOWN_FOLDER: Final = "/app"
SHOWN_LIBRARY: Final = "/usr/lib/python3.11"

PROMPT: Final = "$ "
_SECTION: Final = re.compile(r"--- \[(\w+)\]")
_END_OF_STEP: Final = "--- end of step"


def section_name(line: str) -> str | None:
    """Give the name of the part that begins below a line, if one does."""
    found = _SECTION.fullmatch(line.rstrip("\n"))
    return found and found[1]


@dataclass
class Step:
    """A command and what it printed."""

    command: str
    output: list[str] = field(default_factory=list)


def parse(text: str) -> list[Step | str]:
    """Cut a transcript into steps, and lines that only name parts of it."""
    parts: list[Step | str] = []
    step = None
    for line in text.splitlines():
        if line.startswith(PROMPT):
            step = Step(line.removeprefix(PROMPT))
            parts.append(step)
        elif section_name(line):
            parts.append(line)
        elif step is None:
            raise ValueError(f"a transcript begins with a command, not with {line!r}")
        else:
            step.output.append(line)
    return parts


def unparse(parts: list[Step | str]) -> str:
    """Give the text of a transcript."""
    lines = []
    for part in parts:
        lines += [part] if isinstance(part, str) else [PROMPT + part.command, *part.output]
    return "".join(f"{line}\n" for line in lines)


def is_as_shown() -> bool:
    """Tell whether this interpreter is what the documentation shows the output of."""
    installed = Path(sysconfig.get_path("platlib")).resolve()
    package = Path(ctracemalloc.__file__).resolve()
    return sys.version_info[:2] == VERSION and package.is_relative_to(installed)


def shown(output: str, folder: Path) -> str:
    """Give an output with the paths that a reader sees in place of this machine's."""
    package = str(Path(ctracemalloc.__file__).parent)
    library = sysconfig.get_path("stdlib")
    for path, name in (
        (str(folder), SHOWN_FOLDER),
        (module_of(str(folder)), module_of(SHOWN_FOLDER)),
        (package, f"{SHOWN_LIBRARY}/site-packages/ctracemalloc"),
        (library, SHOWN_LIBRARY),
    ):
        output = output.replace(path, name)
    return output


def module_of(folder: str) -> str:
    """Give a folder as names of modules have it."""
    return folder.strip("/").replace("/", ".")


def run(transcript: Path) -> list[Step | str]:
    """Run a transcript's commands; give it with what they print now."""
    with tempfile.TemporaryDirectory() as temporary:
        return run_in(Path(temporary).resolve(), transcript)


def run_in(temporary: Path, transcript: Path) -> list[Step | str]:
    """Run a transcript's commands in a copy of its folder, which is left there."""
    parts = parse(transcript.read_text(encoding="utf-8"))
    steps = [part for part in parts if isinstance(part, Step)]
    script = "exec 2>&1\n" + "".join(
        f"{step.command}\nprintf '\\n%s\\n' '{_END_OF_STEP}'\n" for step in steps
    )
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CTRACEMALLOC"))
    } | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    folder = temporary / transcript.parent.name
    shutil.copytree(transcript.parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    printed = run_script(script, folder, environment)
    outputs = shown(printed, folder).split(f"\n{_END_OF_STEP}\n")
    if len(outputs) != len(steps) + 1:
        raise RuntimeError(f"{transcript}: the shell ended too early:\n{printed}")
    ran = iter(outputs)
    return [
        part if isinstance(part, str) else Step(part.command, next(ran).splitlines())
        for part in parts
    ]


def run_script(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a script of the shell and give what it printed; nothing that it started is left."""
    # Not a pipe: what is left running would keep it open.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            start_new_session=True,
        )
        try:
            shell.wait(TIMEOUT_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        output.seek(0)
        return output.read()


# --- comparing ---

_UNITS: Final = {"": 1, "B": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_VOLATILE: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+\d\d:\d\d)?"), "MOMENT"),
    (re.compile(r"\b\d+(\.\d+)? ?m?s\b"), "DURATION"),
    (re.compile(r"^(process +)\d+$"), r"\1PID"),
    (re.compile(r"^(python +)\d+\.\d+\.\d+$"), r"\1VERSION"),
    (re.compile(r"^(Overhead: )-?\d+\.\d%$"), r"\1SHARE"),
    # Follows from size and count, and is gone where the count is 0.
    (re.compile(r"(?<=\)|\d), average=[\d.]+ [KM]?i?B$"), ""),
    # What is summed up holds what comes and goes.
    (re.compile(r"^.* (others?|other lines|frames not shown .*)$"), r"SUMS \1"),
    # What the operating system gives a process depends on more than the program.
    (re.compile(r"^(ctracemalloc: resident memory grew by ).*"), r"\1SIZE"),
)
# Lines of files that are not the example's are not its business.
_FOREIGN_LINE: Final = re.compile(
    rf"((?:{SHOWN_LIBRARY}/|python3\.11/|<frozen )[^\s:\"]+(?:>|\.py)(?::|\", line ))\d+"
)
# A dump of the numbers of lines, and the source below it.
_LINE_NUMBER: Final = re.compile(
    r"(?P<before>[\w>]:|\", line )(?P<number>\d+)(?!\d|\.\d| ?[KMG]i?B)"
)
_NUMBER: Final = re.compile(
    r"(?<![\w.])(?P<value>\d[\d,]*(?:\.\d+)?)(?: ?(?P<unit>[KMG]?)(?:i?B)\b|(?P<share>%))?"
)
# A statistic of some hundred bytes comes and goes.
_SMALL: Final = re.compile(r"\bsize=\d{1,4} B( \([-+]\d+ B\))?,")

TOLERANCE: Final = 0.1
TOLERANCE_OF_SHARES: Final = 3.0
TOLERANCE_OF_COUNTS: Final = 10
TOLERANCE_OF_BYTES: Final = 4096


def compare(expected: list[str], printed: list[str]) -> Iterator[str]:
    """Give the differences of two outputs that are more than other numbers.

    Words, their order, files, the example's line numbers and source lines have to be equal; sizes,
    counts and shares nearly so. Moments, durations, process ids, and line numbers in the standard
    library are not compared, nor is the width of columns.
    """
    old, new = (
        [line for line in lines if not _SMALL.search(line)] for lines in (expected, printed)
    )
    for before, after in zip_longest(old, new):
        if before is None or after is None or not is_close(before, after):
            yield f"  shown:   {before}\n  printed: {after}"


def is_close(expected: str, printed: str) -> bool:
    """Compare two lines."""
    old, new = (forms(line) for line in (expected, printed))
    return old[0] == new[0] and all(
        abs(before - after) <= max(TOLERANCE * before, allowed)
        for (before, allowed), (after, _) in zip(old[1], new[1], strict=True)
    )


def forms(line: str) -> tuple[str, list[tuple[float, float]]]:
    """Split a line into its text and its numbers, each with how much it may differ at least."""
    for pattern, name in _VOLATILE:
        line = pattern.sub(name, line)
    line = _FOREIGN_LINE.sub(r"\1LINE", line)
    # The numbers of the example's lines are part of the text.
    line = _LINE_NUMBER.sub(lambda found: f"{found['before']}L{found['number']}", line)
    numbers: list[tuple[float, float]] = []

    def note(found: re.Match[str]) -> str:
        value = float(found["value"].replace(",", ""))
        if found["share"]:
            numbers.append((value, TOLERANCE_OF_SHARES))
            return "SHARE"
        if found["unit"] is None:
            numbers.append((value, TOLERANCE_OF_COUNTS))
            return "COUNT"
        numbers.append((value * _UNITS[found["unit"]], TOLERANCE_OF_BYTES))
        return "SIZE"

    return " ".join(_NUMBER.sub(note, line).split()), numbers


def differences(transcript: Path) -> list[str]:
    """Run a transcript's commands; give where what they print is another text than is shown."""
    expected = parse(transcript.read_text(encoding="utf-8"))
    return [
        f"{transcript.relative_to(EXAMPLES)}: $ {old.command}\n{difference}"
        for old, new in zip(expected, run(transcript), strict=True)
        if isinstance(old, Step) and isinstance(new, Step)
        for difference in compare(old.output, new.output)
    ]


def main() -> int:
    """Write or check all transcripts, or those that are named."""
    names = sys.argv[1:]
    checking = "--check" in names
    if checking:
        names.remove("--check")
    if not is_as_shown():
        print(f"transcripts.py: this is not {AS_SHOWN}: use 'make examples'", file=sys.stderr)
        return 2
    transcripts = [Path(name).resolve() for name in names] or sorted(EXAMPLES.rglob("*.txt"))
    failed = False
    for transcript in transcripts:
        if not checking:
            transcript.write_text(unparse(run(transcript)), encoding="utf-8")
        elif found := differences(transcript):
            failed = True
            print("\n".join(found), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
