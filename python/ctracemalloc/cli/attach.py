"""`ctracemalloc attach`: trace a process that is running, by `sys.remote_exec` (3.14+).

The process runs a script between two instructions of its main thread. The script lies in a folder
that only this user can read, and leaves its answer there. If no answer comes in time, or a signal
ends the waiting, the script is replaced by one that removes the folder, for when the process comes
to it.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ctracemalloc_startup as startup

from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.interpreter import interpreter_options
from ctracemalloc.cli.outputs import failing
from ctracemalloc.cli.room import room_for_files
from ctracemalloc.live import remote
from ctracemalloc.live.target import expand_path

DEFAULT_NFRAME = 25
DEFAULT_TIMEOUT = 10.0
_POLL = 0.02
_ENDING_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

_DESCRIPTION = """\
Trace a Python process that is running: start the tracing, write a snapshot, stop the tracing. The
process does so between two instructions of its main thread, and writes the snapshot itself.
"""

_EPILOG = """\
examples:
  ctracemalloc attach 1234 start -n 10
  ctracemalloc attach 1234 snapshot -o before.ctm
  ctracemalloc attach 1234 stop

It takes CPython 3.14 or later, the same one in both processes; a process of this user, with
ctracemalloc installed where it can import it. The system may forbid it (kernel.yama.ptrace_scope).
"""

_SWITCHES = "-X disable_remote_debug, PYTHON_DISABLE_REMOTE_DEBUG"

# What the process runs; it may not be able to import what is used here.
_SCRIPT = """\
def _attach():
    import os, sys
    folder = {folder!r}
    try:
        os.close(os.open(folder + "/begun", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            from ctracemalloc.live import remote
        except Exception as error:
            text = "it cannot import ctracemalloc (%s): install it for %s" % (error, sys.executable)
            with open(folder + "/part", "w", encoding="utf-8", errors="replace") as file:
                file.write(repr(({failed!r}, text)))
            os.replace(folder + "/part", folder + "/answer")
        else:
            remote.leave_answer(folder, remote.act({action!r}, {nframe!r}, {path!r}))
    except OSError:
        # The folder is gone: nobody waits for an answer any more.
        pass
_attach()
# Else it is in a cycle with its names, which stays until the collector comes by.
del _attach
"""

_LATE_SCRIPT = """\
import shutil
shutil.rmtree({folder!r}, ignore_errors=True)
"""


def main(arguments: Sequence[str]) -> int:
    """Have the process do what is asked for, and print what it answers."""
    options = make_parser().parse_args(arguments)
    _check_options(options)
    path = ""
    if options.action == remote.SNAPSHOT:
        path = _output(options.output or "%p.ctm", options.pid)
    if not hasattr(sys, "remote_exec"):
        version = sys.version.split()[0]
        raise CommandError(
            f"attach needs CPython 3.14 or later, here and in the process; this is {version} "
            "(start the program with 'ctracemalloc run' or CTRACEMALLOC_SIGNAL instead)"
        )
    _check_process(options.pid)
    status, text = _ask(options.pid, options.action, options.nframe, path, options.timeout)
    if status != remote.DONE:
        raise CommandError(f"process {options.pid}: {text}")
    print(f"process {options.pid}: {text}")
    return 0


def make_parser() -> Parser:
    parser = Parser(prog="ctracemalloc attach", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("pid", metavar="PID", type=int, help="the process")
    parser.add_argument(
        "action",
        choices=(remote.START, remote.SNAPSHOT, remote.STOP),
        help="what the process is to do",
    )
    parser.add_argument(
        "-n",
        "--nframe",
        metavar="N",
        type=int,
        help=f"start: frames kept per traceback (default: {DEFAULT_NFRAME})",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="snapshot: where the process writes it; %%p is its id (default: %%p.ctm)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=DEFAULT_TIMEOUT,
        help=f"how long to wait for the answer (default: {DEFAULT_TIMEOUT:g})",
    )
    return parser


def _check_options(options: argparse.Namespace) -> None:
    if options.pid <= 0:
        raise UsageError(f"{options.pid} is no process id")
    if options.pid == os.getpid():
        raise UsageError("that is this process itself")
    for name, value, action in (
        ("-n", options.nframe, remote.START),
        ("-o", options.output, remote.SNAPSHOT),
    ):
        if value is not None and options.action != action:
            raise UsageError(f"{name} goes with {action!r} alone, not with {options.action!r}")
    if options.nframe is None:
        options.nframe = DEFAULT_NFRAME
    if not 1 <= options.nframe <= startup.MAX_NFRAME:
        raise UsageError(f"-n {options.nframe}: not a number from 1 to {startup.MAX_NFRAME}")
    if not 0 < options.timeout < float("inf"):
        raise UsageError(f"--timeout {options.timeout:g}: not a number of seconds")


def _output(template: str, pid: int) -> str:
    try:
        path = Path(expand_path(template, pid)).absolute()
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not path.parent.is_dir():
        raise CommandError(f"cannot write {path}: no such folder: {path.parent}")
    return str(path)


def _check_process(pid: int) -> None:
    """Refuse what cannot work, where the interpreter's own words would not say why."""
    folder = Path("/proc", str(pid))
    try:
        owner = folder.stat().st_uid
    except FileNotFoundError:
        raise CommandError(f"there is no process {pid}") from None
    if owner != os.geteuid():
        raise CommandError(
            f"process {pid} is another user's ({_user_name(owner)}), and this is "
            f"{_user_name(os.geteuid())}: run the command as that user"
        )
    # The interpreter would be silent about it.
    if _is_switched_off(folder):
        raise CommandError(f"remote debugging is off in process {pid} ({_SWITCHES})")
    try:
        is_in_our_root = (folder / "root").samefile("/")
    except OSError:
        # The attempt itself says what is forbidden.
        return
    if not is_in_our_root:
        raise CommandError(
            f"process {pid} sees other files than this one (a container): run the command there"
        )


def _is_switched_off(folder: Path) -> bool:
    try:
        command_line = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")
        environment = (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    options = interpreter_options(command_line)
    if any("disable_remote_debug" in option for option in options):
        return True
    letters = "".join(option for option in options if option[:1] == "-" and option[1:2] not in "-X")
    if "E" in letters or "I" in letters:
        return False
    name = b"PYTHON_DISABLE_REMOTE_DEBUG="
    return any(entry.startswith(name) and entry != name for entry in environment)


def _user_name(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _ask(pid: int, action: str, nframe: int, path: str, timeout: float) -> tuple[str, str]:
    """Have the process run the script; return its answer."""
    with _signals_held() as held, room_for_files(pid):
        folder = _make_folder()
        is_left = False
        try:
            _check_shared(pid, folder)
            script = Path(folder, "script.py")
            text = _SCRIPT.format(
                folder=folder, failed=remote.FAILED, action=action, nframe=nframe, path=path
            )
            with failing(str(script)):
                _write_private(script, text)
            _execute(pid, script)
            answer = _wait(pid, folder, timeout, held)
            if answer is None:
                is_left = _is_alive(pid)
                has_begun = Path(folder, "begun").exists()
                if is_left:
                    _leave_to_process(folder, script)
                raise CommandError(_silence(pid, timeout, has_begun, is_left))
            return answer
        finally:
            if not is_left:
                shutil.rmtree(folder, ignore_errors=True)


def _make_folder() -> str:
    try:
        return tempfile.mkdtemp(prefix="ctracemalloc-attach-")
    except OSError as error:
        raise CommandError(
            f"no temporary folder can be made: {error.strerror} "
            "(set TMPDIR to one that the process sees, too)"
        ) from error


def _check_shared(pid: int, folder: str) -> None:
    """Refuse a folder that the process does not see, as where a service has a /tmp of its own."""
    real = os.path.realpath(folder)
    try:
        is_shared = Path("/proc", str(pid), "root", real.lstrip("/")).samefile(real)
    except FileNotFoundError:
        is_shared = False
    except OSError:
        return
    if not is_shared and _is_alive(pid):
        raise CommandError(
            f"process {pid} sees another {Path(folder).parent} than this one: "
            "set TMPDIR to a folder that both see"
        )


@contextmanager
def _signals_held() -> Iterator[set[signal.Signals]]:
    """Hold up the signals that would end this process, which then has the time to clean up.

    Each does what it always does as soon as they are let through.
    """
    held = {one for one in _ENDING_SIGNALS if signal.getsignal(one) is not signal.SIG_IGN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield held - before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_to_process(folder: str, script: Path) -> None:
    """Have the process remove the folder, at whatever point of the script it is."""
    Path(folder, "late").touch()
    _write_private(Path(folder, "late.py"), _LATE_SCRIPT.format(folder=folder))
    Path(folder, "late.py").replace(script)
    if Path(folder, "answer").exists():
        # It may have looked for "late" just before.
        shutil.rmtree(folder, ignore_errors=True)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def _execute(pid: int, script: Path) -> None:
    execute = getattr(sys, "remote_exec")  # noqa: B009 - 3.11's types have no such function
    try:
        execute(pid, str(script))
    except ProcessLookupError:
        raise CommandError(f"there is no process {pid}") from None
    except PermissionError:
        raise CommandError(
            f"the system does not let this process look into process {pid}: try it as root, or "
            "with the capability CAP_SYS_PTRACE (sysctl kernel.yama.ptrace_scope says who may)"
        ) from None
    except (OSError, RuntimeError, NotImplementedError) as error:
        raise CommandError(f"cannot attach to process {pid}: {_explain(error)}") from None


def _explain(error: Exception) -> str:
    said = [str(error)]
    cause = error.__cause__ or error.__context__
    while cause is not None:
        said.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    text = "; ".join(said)
    if "not enabled" in text:
        return f"remote debugging is off in this process ({_SWITCHES})"
    if "PyRuntime" in text:
        return "it is no CPython 3.14 or later"
    return text


def _wait(
    pid: int, folder: str, timeout: float, held: set[signal.Signals]
) -> tuple[str, str] | None:
    answer = Path(folder, "answer")
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if answer.exists():
            break
        if not _is_alive(pid) or signal.sigpending() & held:
            return None
        time.sleep(_POLL)
    try:
        text = answer.read_text(encoding="utf-8", errors="surrogatepass")
    except FileNotFoundError:
        return None
    status, said = ast.literal_eval(text)
    return str(status), str(said)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def _silence(pid: int, timeout: float, has_begun: bool, is_alive: bool) -> str:
    if not is_alive:
        return f"process {pid} ended before it answered"
    if has_begun:
        return f"process {pid} has not finished in {timeout:g} s (--timeout), and goes on with it"
    return (
        f"process {pid} did not answer in {timeout:g} s (--timeout): its main thread is inside a "
        "system call or C code, or remote debugging is off in it; nothing was done, nor will be"
    )
