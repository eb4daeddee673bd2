"""`ctracemalloc doctor`: print what is in place in this interpreter, and what is missing.

Exit status 1 if programs cannot be traced from their start here.
"""

from __future__ import annotations

import _tracemalloc
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ctracemalloc_startup as startup

import ctracemalloc
from ctracemalloc import _engine, takeover
from ctracemalloc._text import count_of
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.interpreter import HOOK, find_hook, interpreter_options
from ctracemalloc.cli.version import installed_version

_VARIABLES = (
    startup.VARIABLE,
    startup.OUT_VARIABLE,
    startup.SIGNAL_VARIABLE,
    "PYTHONTRACEMALLOC",
    "PYTHONMALLOC",
)

_DESCRIPTION = """\
Print what is in place in this interpreter: the start-up hook, the allocators, the reference tracer,
the relay of domains. Exit status 1 if programs cannot be traced from their start here.
"""

# What a child prints that was asked to trace from its start.
_QUESTION = "import tracemalloc as t; print(t.__name__, t.is_tracing(), t.get_traceback_limit())"
_ANSWER = "ctracemalloc True 3"


def main(arguments: Sequence[str]) -> int:
    """Print the findings; return 1 if one of them is a problem."""
    make_parser().parse_args(arguments)
    findings = [*_interpreter(), *_package(), *_hook(), *_tracing(), *_environment()]
    width = max(len(label) for label, _, _ in findings)
    shown = ""
    for label, text, is_problem in findings:
        mark = "  <- problem" if is_problem else ""
        print(f"{label if label != shown else '':<{width}}  {text}{mark}")
        shown = label
    return 1 if any(is_problem for _, _, is_problem in findings) else 0


def make_parser() -> Parser:
    """Return the parser of the command's options: there are none but --help."""
    return Parser(prog="ctracemalloc doctor", description=_DESCRIPTION)


# What it is about, what was found, whether that is a problem.
_Finding = tuple[str, str, bool]


def _interpreter() -> Iterator[_Finding]:
    label = "interpreter"
    version = sys.version.split()[0]
    yield label, f"{sys.implementation.name} {version}, {sys.executable}", False
    build = "debug" if hasattr(sys, "gettotalrefcount") else "release"
    lock = "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with a GIL"
    yield label, f"{build} build, {lock}, {sysconfig.get_platform()}", False
    options = interpreter_options(sys.orig_argv)
    yield label, f"options: {' '.join(options) if options else 'none'}", False


def _package() -> Iterator[_Finding]:
    label = "ctracemalloc"
    yield label, f"{installed_version()}, {Path(ctracemalloc.__file__).parent}", False
    yield label, f"engine: {_engine.__file__}", False


def _hook() -> Iterator[_Finding]:
    label = "start-up hook"
    if sys.flags.no_site:
        yield label, "out of action: -S leaves out the site module", True
        return
    path = find_hook()
    if path is None:
        yield label, f"absent: no {HOOK} in the folders of the site module", True
        return
    command = [sys.executable, *interpreter_options(sys.orig_argv)]
    command += ["-X", f"{startup.SWITCH}=3", "-c", _QUESTION]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.stdout.strip() == _ANSWER:
        yield label, f"works: {path}", False
    else:
        said = (answer.stderr.strip() or answer.stdout.strip()).rpartition("\n")[2]
        yield label, f"in place, but starts nothing: {path} ({said})", True


def _tracing() -> Iterator[_Finding]:
    label = "tracing"
    yield label, _state(ctracemalloc.is_tracing, ctracemalloc.get_traceback_limit), False
    if takeover.is_installed():
        yield label, "in the place of the standard library's tracemalloc", False
    else:
        stdlib = _state(_tracemalloc.is_tracing, _tracemalloc.get_traceback_limit)
        yield label, f"not in the place of the standard library's tracemalloc ({stdlib})", False

    label = "hooks"
    is_trial = not ctracemalloc.is_tracing()
    if is_trial:
        try:
            ctracemalloc.start()
        except (RuntimeError, MemoryError) as error:
            yield label, f"tracing cannot start: {error}", True
            return
    try:
        hooks = _engine._hooks_info()
    finally:
        if is_trial:
            ctracemalloc.stop()
    when = "in a trial" if is_trial else "now"
    places = ", ".join(f"{domain} {hooks[domain]}" for domain in ("raw", "mem", "obj"))
    yield label, f"allocators {when}: {places}", False
    if hooks["ref_tracer"]:
        reuse = "followed by the reference tracer"
    else:
        reuse = "not followed (this interpreter gives no way)"
    yield label, f"reuse of free lists: {reuse}", False
    _, refused, is_later = hooks["relay"]
    domains = "what libraries report by PyTraceMalloc_Track is seen"
    if refused:
        domains += f"; apart from {count_of(refused, 'call')}, whose address cannot be changed"
    if not is_later:
        domains += "; not in libraries that are loaded after start()"
    yield label, f"other domains: {domains}", False


def _state(is_tracing: Callable[[], bool], limit: Callable[[], int]) -> str:
    return f"on, with {count_of(limit(), 'frame')}" if is_tracing() else "off"


def _environment() -> Iterator[_Finding]:
    label = "environment"
    if not startup.environment_counts():
        yield label, "counts for nothing here (-E, -I, or the rights of another user)", False
    for name in _VARIABLES:
        if name in os.environ:
            yield label, f"{name}={os.environ[name]}", False
    if startup.SWITCH in sys._xoptions:
        yield label, f"-X {startup.SWITCH}={sys._xoptions[startup.SWITCH]}", False
