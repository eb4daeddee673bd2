"""`ctracemalloc run`: execute a program with tracing on from its start, and report at its end.

The process executes the same interpreter with the same options, and what `run` was told goes to the
start-up hook by a private variable (by a private -X option under -E and -I), which the hook takes
away. So the program runs under plain Python: nothing of ours is on its stack, in its `sys.argv`,
its `__main__` or its environment, and its exit status is its own.

Where the hook's file is absent, a folder with a `sitecustomize.py` of ours in PYTHONPATH does the
same; the environment's own one is run after it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import ctracemalloc_startup as startup

from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.interpreter import HOOK, find_hook, interpreter_options
from ctracemalloc.cli.links import follow
from ctracemalloc.live import series
from ctracemalloc.live.process import Ceiling, parse_size
from ctracemalloc.live.target import expand_path
from ctracemalloc.report.opening import is_taken, report_path

DEFAULT_NFRAME = 25
DEFAULT_TOP = 10

_PRELOAD = str(Path(__file__).absolute().parent / "preload")
# In a day there are fewer of these than a file name's number has room for.
_LEAST_SECONDS = 0.1

_DESCRIPTION = """\
Run a Python program with every allocation traced. At its end the lines that hold the most memory
are printed to stderr, and a snapshot is written: after the last line of the program, sys.exit, an
exception, SIGINT, and SIGTERM if the program does not handle that itself.
"""

_EPILOG = """\
examples:
  ctracemalloc run app.py --its-own-options
  ctracemalloc run -n 1 -o app.ctm -m package.module
  ctracemalloc run --open --peak app.py
  ctracemalloc run --every 60 --at-rss 90% -m package.server
  python -X dev -m ctracemalloc run -c 'print("hello")'

The program runs under the interpreter, and with the interpreter's options, that run this command.
Its children are not traced without --follow-children, unless CTRACEMALLOC is set for them. Nothing
is written after os._exit, exec, or a signal that kills.

The series of --every and --every-growth goes to a folder beside the snapshot at the end (app.ctm:
app.series, or app.2.series if that is there, and so on). Where it has too many files or bytes,
every second snapshot of its older half is removed. No more than a tenth of the time goes into
taking them.

The exit status is the program's; 2 if it could not be started as told, 1 if it cannot be traced
here.
"""


def main(arguments: Sequence[str]) -> int:
    """Execute the program; returns only if that fails, or to print help."""
    parser = make_parser()
    own, program = split_arguments(parser, arguments)
    options = parser.parse_args(own)
    if not program:
        raise UsageError("which program? (SCRIPT, DIR, ZIP, -m MODULE, -c CODE, or - for stdin)")
    _check_program(program)
    nframe = _nframe(options.nframe)
    if options.top < 0:
        raise UsageError(f"--top {options.top}: not a number of lines, nor 0")
    watch = _watch(options)
    out = _output(options.output, program, options.follow_children)
    if options.follow_children:
        _check_following()
    if options.open:
        _check_page(report_path(expand_path(out, os.getpid())))
    handed_over = startup.pack_run(
        nframe,
        options.top,
        out,
        watch,
        options.follow_children,
        tuple(kind for kind in ("peak", "churn") if getattr(options, kind)),
        options.open,
    )
    _execute(handed_over, program)
    return 1


def split_arguments(parser: Parser, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the options of `run` from the program and its arguments."""
    with_value = parser.options_with_value()
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word == "--":
            return list(arguments[:position]), list(arguments[position + 1 :])
        if word == "-" or not word.startswith("-") or word[:2] in ("-m", "-c"):
            break
        position += 2 if word in with_value else 1
    return list(arguments[:position]), list(arguments[position:])


def make_parser() -> Parser:
    parser = Parser(
        prog="ctracemalloc run",
        usage=(
            "ctracemalloc run [-n N] [-o FILE] [--top K] [--every SECONDS | --every-growth SIZE]\n"
            "         [--peak] [--churn] [--keep N] [--keep-bytes SIZE] [--at-rss SIZE] [--open]\n"
            "         [--follow-children] (SCRIPT | DIR | ZIP | -m MODULE | -c CODE | -) ARGS..."
        ),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument(
        "-n",
        "--nframe",
        metavar="N",
        help=(
            "frames kept per traceback, 1 to 65535 (default: what -X ctracemalloc or CTRACEMALLOC "
            f"say, or {DEFAULT_NFRAME})"
        ),
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=(
            "where to write the snapshot; %%p is the process id, %%%% a %% (default: "
            "CTRACEMALLOC_OUT, or PROGRAM.%%p.ctm in the current folder)"
        ),
    )
    parser.add_argument(
        "--top",
        metavar="K",
        type=int,
        default=DEFAULT_TOP,
        help=(
            "lines of code to print at the end, below the totals and the process's growth; "
            f"0 for none of these (default: {DEFAULT_TOP})"
        ),
    )
    parser.add_argument(
        "--peak",
        action="store_true",
        help="write a second snapshot at the end, of what was live at the peak (app.peak.ctm)",
    )
    parser.add_argument(
        "--churn",
        action="store_true",
        help="write another one, of all that was ever allocated, live or not (app.churn.ctm)",
    )
    moments = parser.add_mutually_exclusive_group()
    moments.add_argument(
        "--every", metavar="SECONDS", type=float, help="write a series of snapshots, at an interval"
    )
    moments.add_argument(
        "--every-growth",
        metavar="SIZE",
        help="write a series of snapshots, each when traced memory has grown by this much (20M)",
    )
    parser.add_argument(
        "--keep",
        metavar="N",
        type=int,
        default=series.DEFAULT_KEEP,
        help=f"the most snapshots of a series (default: {series.DEFAULT_KEEP})",
    )
    parser.add_argument(
        "--keep-bytes",
        metavar="SIZE",
        default=f"{series.DEFAULT_KEEP_BYTES >> 20}M",
        help="the most bytes of a series' files (default: %(default)s)",
    )
    parser.add_argument(
        "--at-rss",
        metavar="SIZE",
        help=(
            "write a snapshot when the resident memory reaches this (1.5G), or when this share of "
            "the control group's limit is used (90%%)"
        ),
    )
    parser.add_argument(
        "--follow-children",
        action="store_true",
        help="trace the Python processes that the program starts too; each writes a file of its "
        "own, so the path needs %%p",
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help="at the end, write a report beside the snapshot (app.ctm: app.html), and open it in a "
        "browser; a report that is there is replaced, another file is not",
    )
    return parser


def _watch(options: argparse.Namespace) -> dict[str, str]:
    """Check what to look for while the program runs, and write it as the start-up hook takes it."""
    watch = {}
    if options.every is not None:
        if not _LEAST_SECONDS <= options.every < float("inf"):
            raise UsageError(f"--every {options.every:g}: not a number of seconds from 0.1 on")
        watch["every"] = str(options.every)
    if options.every_growth is not None:
        watch["growth"] = str(_size("--every-growth", options.every_growth))
    if options.at_rss is not None:
        try:
            Ceiling(options.at_rss)
        except ValueError as error:
            raise UsageError(f"--at-rss: {error}") from None
        watch["at_rss"] = options.at_rss
    if options.keep < series.LEAST_KEEP:
        raise UsageError(f"--keep {options.keep}: not a number from {series.LEAST_KEEP} on")
    keep_bytes = _size("--keep-bytes", options.keep_bytes)
    if watch:
        watch.update(keep=str(options.keep), keep_bytes=str(keep_bytes))
    return watch


def _size(option: str, text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _check_following() -> None:
    if not startup.environment_counts():
        raise UsageError(
            "--follow-children hands on what is asked for by the environment, which is ignored "
            "under -I and -E"
        )
    if find_hook() is None:
        raise CommandError(
            f"--follow-children needs the start-up hook ({HOOK}), which is not installed for "
            f"{sys.executable}"
        )


def _check_page(path: str) -> None:
    """Refuse at once what would stop the report at the end."""
    if importlib.util.find_spec("jinja2") is None:
        raise CommandError("--open needs jinja2: install it with 'pip install jinja2'")
    if is_taken(path):
        raise CommandError(
            f"the report would replace {path}, which is none: move it away, or choose another path "
            "with -o"
        )


def _check_program(program: Sequence[str]) -> None:
    """Refuse what the interpreter would refuse, before anything is traced."""
    word = program[0]
    if word in ("-m", "-c"):
        if len(program) == 1:
            raise UsageError(f"{word} needs a value")
        return
    if word == "-" or word[:2] in ("-m", "-c"):
        return
    # Tracing starts by means that some options switch off.
    if word.startswith("-"):
        raise UsageError(
            f"{word} is no program: the interpreter's own options go before -m, as in "
            f"'python {word} -m ctracemalloc run'"
        )
    if _is_interpreter(word):
        example = "PROGRAM" if len(program) == 1 else shlex.join(program[1:])
        raise UsageError(
            f"leave out {word}, as this interpreter runs the program: ctracemalloc run {example}"
        )
    if Path(word).exists():
        return
    found = shutil.which(word)
    hint = f"; did you mean {found}, or -m {word}?" if found and os.sep not in word else ""
    raise UsageError(f"no such file: {word}{hint}")


def _is_interpreter(word: str) -> bool:
    """Tell whether a word names an interpreter, and no program or folder that is called so."""
    if not re.fullmatch(r"python(\d(\.\d+)?)?t?", Path(word).name):
        return False
    return not Path(word).exists() or (not Path(word).is_dir() and os.access(word, os.X_OK))


def _nframe(given: str | None) -> int:
    if given is None:
        try:
            return startup.requested_nframe() or DEFAULT_NFRAME
        except ValueError as error:
            raise UsageError(str(error)) from None
    try:
        nframe = startup.parse_nframe(given, "-n")
    except ValueError:
        nframe = 0
    if nframe == 0:
        raise UsageError(f"-n {given}: not a number from 1 to {startup.MAX_NFRAME}")
    return nframe


def _output(given: str | None, program: Sequence[str], is_per_process: bool) -> str:
    """Return the template of the snapshot's path, after a look at whether it can be written.

    The process id in it is known already, since executing a program does not change it; %p is left
    in place where it is to be that of each process.
    """
    template = given
    if template is None and startup.environment_counts():
        template = os.environ.get(startup.OUT_VARIABLE)
    template = template or f"{_program_name(program)}.%p.ctm"
    try:
        expanded = expand_path(template, os.getpid())
    except ValueError as error:
        raise UsageError(str(error)) from None
    # An absolute path takes no notice of it.
    base = "" if os.path.isabs(expanded) else _current_folder()  # noqa: PTH117
    path = Path(base, expanded)
    folder = path.parent
    if not folder.is_dir():
        obstacle = f"no such folder: {folder}"
    elif path.is_dir():
        obstacle = "it is a folder"
    elif not os.access(folder, os.W_OK | os.X_OK) and _is_replaced(path):
        obstacle = f"no permission to write to {folder}"
    else:
        if is_per_process:
            if expand_path(template, 1) == expand_path(template, 2):
                raise UsageError(f"-o {template}: with --follow-children the path needs %p")
            return os.path.join(base.replace("%", "%%"), template)  # noqa: PTH118
        return str(path).replace("%", "%%")
    raise CommandError(f"cannot write {path}: {obstacle} (choose another path with -o)")


def _is_replaced(path: Path) -> bool:
    """Tell whether the snapshot is to be a new file; to a device or a pipe it is written."""
    try:
        return follow(str(path)).is_replaced()
    except OSError:
        # It leads nowhere.
        return True


def _current_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        raise CommandError("the current folder is gone: choose an absolute path with -o") from None


def _program_name(program: Sequence[str]) -> str:
    word = program[0]
    if word[:2] == "-m":
        name = word[2:] or program[1]
    elif word.startswith("-"):
        return "ctracemalloc"
    else:
        # The name of a folder may be `.`.
        name = Path(word).stem or Path(_current_folder(), word).stem
    return name.replace("%", "%%")


def _execute(handed_over: str, program: Sequence[str]) -> None:
    if sys.flags.no_site:
        raise CommandError("-S leaves out the site module, without which tracing cannot start")
    if not sys.executable:
        raise CommandError("the interpreter does not know its own path (sys.executable is empty)")
    environment = dict(os.environ)
    command = [sys.executable, *interpreter_options(sys.orig_argv), *program]
    is_hooked = find_hook() is not None
    startup.call_hook(environment)
    if startup.environment_counts():
        environment[startup.PRIVATE_VARIABLE] = handed_over
        if not is_hooked:
            before = [_PRELOAD, environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, before))
    elif is_hooked:
        command[1:1] = ["-X", f"{startup.PRIVATE_SWITCH}={handed_over}"]
    else:
        raise CommandError(
            f"the start-up hook ({HOOK}) is not installed for {sys.executable}, and the "
            "environment, which could do without, is ignored under -I and -E: install the hook, "
            "or leave out the option"
        )
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        os.execve(sys.executable, command, environment)
    except OSError as error:
        raise CommandError(f"cannot execute {sys.executable}: {error.strerror}") from error
