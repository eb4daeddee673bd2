#!/usr/bin/env python3
"""Counts the instructions of our shared object for each call of a hook, by callgrind.

run.py --python PYTHON [--config LIST] [-o RESULTS]      print them, as Markdown
run.py --python PYTHON --check [--if-known]              compare with expected.json
run.py --python PYTHON --record                          write them there

Unlike time, the number of instructions is the same on every machine: to within a few in a
thousand, since addresses decide where things lie in hash tables. It is another for each version of
the interpreter and the compiler: expected.json has a column for each that is known. README.md in
the folder above tells how.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import callgrind
import expected
from configs import BASE, Config
from document import table
from options import add_configs, add_python, make_parser
from programs import COPIES, MARKER, PROGRAMS

WORKER = Path(__file__).with_name("programs.py")
EXPECTED = Path(__file__).with_name("expected.json")
DEFAULT_CONFIGS = "ours-1,ours-25,ours-65535,ours-1-bare,ours-25-bare"
TIMEOUT = 600

# Figures of each program, by configuration.
Results = dict[str, dict[str, dict[str, Any]]]


class MeasureError(Exception):
    """Nothing could be measured."""


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_python(parser)
    add_configs(parser, DEFAULT_CONFIGS)
    add("-o", "--output", type=Path, metavar="RESULTS", help="write the figures as JSON, too")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="fail if expected.json says otherwise")
    what.add_argument("--record", action="store_true", help="write the column into expected.json")
    add(
        "--if-known",
        action="store_true",
        help="with --check: pass, and say so, where expected.json has no column",
    )
    return parser


def _extension(python: str) -> tuple[Path, str]:
    """The shared object that is measured, and the interpreter's version."""
    code = (
        "import sys; print('%d.%d' % sys.version_info[:2]); "
        "import ctracemalloc._engine as e; print(e.__file__)"
    )
    answer = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise MeasureError(f"{python} cannot import ctracemalloc: {answer.stderr.strip()}")
    version, path = answer.stdout.split("\n")[:2]
    return Path(path).resolve(), version


def _measure(python: str, library: Path, config: str) -> dict[str, dict[str, Any]]:
    """Runs all programs in one process."""
    for tool in ("valgrind", "setarch"):
        if shutil.which(tool) is None:
            raise MeasureError(f"{tool} is not installed")
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        done = subprocess.run(
            [
                *("setarch", "--addr-no-randomize", "valgrind", "--tool=callgrind"),
                *(f"--dump-before={MARKER}", "--callgrind-out-file=profile"),
                *("--compress-strings=no", "--compress-pos=no"),
                *(python, "-s", str(WORKER), config),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"},
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise MeasureError(f"valgrind ended with status {done.returncode}: {done.stderr}")
        # The first profile is of what came before the first program.
        paths = [folder / f"profile.{number}" for number in range(2, len(PROGRAMS) + 2)]
        if not paths[-1].exists():
            raise MeasureError(f"callgrind wrote no profile at {MARKER}(): {done.stderr}")
        return {
            name: _figures(callgrind.read(path, str(library)), COPIES * loops)
            for path, (name, (_, _, loops)) in zip(paths, PROGRAMS.items(), strict=True)
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _figures(counted: callgrind.Counted, loops: int) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "calls_a_loop": round(counted.calls / loops, 2),
        "instructions_a_loop": round(counted.instructions / loops, 1),
        "functions_a_loop": {
            name: round(count / loops, 1)
            for name, count in counted.functions.most_common()
            if count >= loops
        },
    }
    # A program that calls no hook, but at its start and end, has nothing to be divided by.
    if counted.calls >= loops / 2:
        figures["instructions_a_call"] = round(counted.instructions / counted.calls, 1)
    return figures


def _per_call(results: Results) -> expected.Figures:
    return {
        config: {
            name: figures["instructions_a_call"]
            for name, figures in programs.items()
            if "instructions_a_call" in figures
        }
        for config, programs in results.items()
    }


def _report(results: Results) -> str:
    rows = []
    for name in PROGRAMS:
        calls = {programs[name]["calls_a_loop"] for programs in results.values()}
        row = [name, " to ".join(f"{count:g}" for count in sorted({min(calls), max(calls)}))]
        for programs in results.values():
            figures = programs[name]
            row.append(
                f"{figures['instructions_a_call']:.1f} ({figures['instructions_a_loop']:.0f})"
                if "instructions_a_call" in figures
                else ""
            )
        rows.append(row)
    return table(["program", "calls a loop", *(Config(name).label for name in results)], rows)


def _judge(column: str, measured: expected.Figures, *, if_known: bool) -> int:
    known = expected.load(EXPECTED).get(column)
    if known is None:
        text = f"{EXPECTED.name} has no column for {column}"
        if if_known:
            print(f"NOT CHECKED: {text}")
            return 0
        print(f"run.py: {text}: add it with --record", file=sys.stderr)
        return 1
    told = expected.differences(known, measured)
    for line in told:
        print(f"run.py: {line}", file=sys.stderr)
    if told:
        print(
            f"run.py: too far from what is expected of {column}: "
            "find out why; where it is meant, write it down with --record",
            file=sys.stderr,
        )
        return 1
    print(f"as expected of {column}")
    return 0


def main() -> int:
    """Does what the command line says."""
    options = _parser().parse_args()
    try:
        library, version = _extension(options.python)
        column = expected.column_of(library, version)
        results = {
            config.name: _measure(options.python, library, config.name)
            for config in options.config
            if config.name != BASE
        }
    except (MeasureError, expected.ColumnError, subprocess.TimeoutExpired) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    print(f"Instructions a call (a loop) inside {library.name}, {column}:\n\n{_report(results)}\n")
    if options.output:
        document = {"column": column, "results": results}
        options.output.write_text(json.dumps(document, indent=1) + "\n")
    measured = _per_call(results)
    if options.record:
        columns = expected.load(EXPECTED)
        columns[column] = measured
        expected.save(EXPECTED, columns)
    if options.check:
        return _judge(column, measured, if_known=options.if_known)
    return 0


if __name__ == "__main__":
    sys.exit(main())
