#!/usr/bin/env python3
"""Measures what tracing costs: time and memory of real programs, as ratios to no tracing.

    run.py prepare --python PYTHON --venv DIR      make a venv with all that is needed
    run.py --python PYTHON --config LIST -o FILE   measure
    run.py report FILE [OTHER...]                  print the results as Markdown

See README.md in the folder above for how it is measured.
"""

import argparse
import math
import os
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
import report
from children import usable
from configs import Config
from document import publish
from measure import Plan, find_benchmarks, measure
from noop import build_noop
from options import add_configs, add_into, add_python, choose, make_parser, pin
from programs import PROGRAMS, Program
from results import Results
from standin import CLOCKS

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
DEFAULT_CONFIGS = "ours-1,ours-25,stdlib-1,stdlib-25"
QUICK_ROUNDS = 3
_DISTRIBUTIONS = ["ctracemalloc", "memray", "ddtrace", "pyperformance"]


def _programs(text: str) -> list[Program]:
    return choose(text, {program.name: program for program in PROGRAMS})


def _measure_parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_python(parser)
    add_configs(parser, DEFAULT_CONFIGS)
    add("--programs", type=_programs, metavar="LIST", help="which programs (default: all)")
    add(
        "--quick",
        action="store_true",
        help=f"a dozen programs, and {QUICK_ROUNDS} rounds unless told otherwise",
    )
    add("--rounds", type=int, metavar="N", help="default: 5")
    add(
        "--reference-rounds",
        type=int,
        default=1,
        metavar="N",
        help="rounds in which the tracers of others take part (default: 1)",
    )
    add("--values", type=int, default=5, metavar="N", help="timings in each process (default: 5)")
    add(
        "--seconds",
        type=float,
        default=0.06,
        metavar="S",
        help="length of a timing without tracing (default: 0.06)",
    )
    add("--clock", choices=CLOCKS, default="cpu", help="default: cpu")
    add("--cpu", type=int, metavar="N", help="processor to stay on (default: the last; -1: any)")
    add(
        "--timeout",
        type=float,
        default=600,
        metavar="S",
        help="seconds after which a process is given up (default: 600)",
    )
    add(
        "--minutes",
        type=float,
        default=math.inf,
        metavar="M",
        help="after these no other program has its turn (default: there is no limit)",
    )
    add("--known", action="store_true", help="leave out tracers that the interpreter has not")
    add("--note", default="", help="what else the report should say about the interpreter")
    add("--resume", action="store_true", help="go on where FILE ends")
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="the results, as JSON")
    return parser


def _start_results(options: argparse.Namespace, configs: list[Config]) -> Results:
    settings = {name: getattr(options, name) for name in ("seconds", "values", "clock", "note")}
    about = machine.describe(options.python, _DISTRIBUTIONS)
    fresh = Results(about, settings, [config.name for config in configs])
    if not options.resume or not options.output.exists():
        return fresh
    results = Results.load(options.output)
    for name in ("interpreter", "machine", "versions"):
        if results.machine[name] != about[name]:
            raise ValueError(f"{options.output} is of another {name}: {results.machine[name]}")
    if results.settings != settings:
        raise ValueError(f"{options.output} was measured with {results.settings}")
    # What failed is tried again.
    results.runs = [run for run in results.runs if not run.error]
    results.configs = list(dict.fromkeys(results.configs + fresh.configs))
    return results


def run_measure(arguments: list[str]) -> int:
    """Measures; 1 if a program failed."""
    options = _measure_parser().parse_args(arguments)
    configs = usable(options.python, options.config, known=options.known)
    programs = options.programs or [
        program for program in PROGRAMS if program.quick or not options.quick
    ]
    plan = Plan(
        python=options.python,
        benchmarks=find_benchmarks(options.python),
        programs=programs,
        configs=configs,
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else 5),
        reference_rounds=options.reference_rounds,
        seconds=options.seconds,
        values=options.values,
        clock=options.clock,
        timeout=options.timeout,
        time_limit=options.minutes * 60,
    )
    results = _start_results(options, configs)
    pin(options.cpu)
    try:
        complete = measure(plan, results, options.output)
    except KeyboardInterrupt:
        print(f"interrupted: go on with --resume -o {options.output}", file=sys.stderr)
        return 130
    if not complete:
        print(f"out of time: go on with --resume -o {options.output}", file=sys.stderr)
    print(report.summary(results))
    return int(report.has_failures(results))


def run_report(arguments: list[str]) -> int:
    """Prints a report, or writes it into a document."""
    parser = argparse.ArgumentParser(prog="run.py report")
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "others",
        type=Path,
        nargs="*",
        help="other interpreters' results, of which few lines say all",
    )
    add_into(parser)
    options = parser.parse_args(arguments)
    text = report.markdown(Results.load(options.file), [*map(Results.load, options.others)])
    publish(text, "overhead", options.into)
    return 0


def _requirements(name: str) -> list[str]:
    lines = (HERE / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _build_requirements() -> list[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    requires: list[str] = project["build-system"]["requires"]
    return requires


def _install_tracer(install: list[str], venv: Path) -> None:
    # In a folder that stays, and without a build environment of its own, so that it takes seconds
    # after a change.
    subprocess.run([*install, *_build_requirements()], check=True)
    build = REPOSITORY / "build" / "bench" / "-".join(["tracer", *venv.absolute().parts[1:]])
    build.mkdir(parents=True, exist_ok=True)
    path = f"{venv.absolute() / 'bin'}{os.pathsep}{os.environ['PATH']}"
    options = ["--force-reinstall", "--no-deps", "--no-build-isolation"]
    options += ["--config-settings", f"build-dir={build}"]
    environment = {**os.environ, "PATH": path}
    subprocess.run([*install, *options, str(REPOSITORY)], check=True, env=environment)


def run_prepare(arguments: list[str]) -> int:
    """Makes a venv with what the programs need, hooks that do nothing and our ctracemalloc."""
    parser = argparse.ArgumentParser(prog="run.py prepare")
    add_python(parser)
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--no-tracer", action="store_true", help="leave out ctracemalloc")
    parser.add_argument(
        "--others",
        action="store_true",
        help="also install memray and ddtrace, or say that there is none for the interpreter",
    )
    options = parser.parse_args(arguments)
    python = str(options.venv.absolute() / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet"]
    if not Path(python).exists():
        subprocess.run([options.python, "-m", "venv", str(options.venv)], check=True)
    subprocess.run([*install, "--no-deps", *_requirements("requirements.txt")], check=True)
    for other in _requirements("requirements-others.txt") if options.others else []:
        # What has no wheel would be built for many minutes, and mostly in vain.
        if subprocess.run([*install, "--only-binary", ":all:", other], check=False).returncode:
            print(f"run.py: {options.python} cannot have {other}", file=sys.stderr)
    build_noop(python)
    if not options.no_tracer:
        _install_tracer(install, options.venv)
    print(python)
    return 0


def main() -> int:
    """Does what the command line says."""
    commands = {"prepare": run_prepare, "report": run_report}
    first, rest = sys.argv[1:2], sys.argv[2:]
    try:
        if first and first[0] in commands:
            return commands[first[0]](rest)
        return run_measure(sys.argv[1:])
    except (OSError, ValueError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return error.returncode


if __name__ == "__main__":
    sys.exit(main())
