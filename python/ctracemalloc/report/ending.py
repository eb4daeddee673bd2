"""What a program that was traced from its start leaves behind when it ends.

It ends when the interpreter does (the last line was run, `sys.exit`, an exception, SIGINT as
KeyboardInterrupt), after the program's own exit functions; or by SIGTERM, as long as nobody has set
a handler for it. Then a snapshot is written and, if wanted, the top lines are printed; the exit
status stays what it would have been. A second signal ends the process at once.
Nothing is left behind by `os._exit`, by `exec*`, or by any other signal.

A forked child writes a file of its own where the path has `%p` in it; else the process that began
is the only one that writes.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import signal
import sys
from types import FrameType

import ctracemalloc

# The last of multiprocessing's own exit functions to run.
_LAST = -(10**9)


def expand_path(template: str, pid: int) -> str:
    """Replace `%p` by the process id and `%%` by `%`."""
    parts = []
    rest = template
    while "%" in rest:
        before, _, rest = rest.partition("%")
        letter, rest = rest[:1], rest[1:]
        if letter not in ("p", "%"):
            raise ValueError(
                f"{template!r}: unknown '%{letter}' in a snapshot's path "
                "(there are %p, the process id, and %% for a %)"
            )
        parts += [before, str(pid) if letter == "p" else "%"]
    parts.append(rest)
    return "".join(parts)


class Ending:
    """Writes the snapshot at the end of this process.

    `template` is the snapshot's path, with %p and %%; relative to where the program was started,
    wherever it goes. `top` lines are printed; `is_told` says whether to print the path as well.
    """

    def __init__(self, template: str, top: int = 0, is_told: bool = False) -> None:
        self._folder = os.getcwd()  # noqa: PTH109 (it would import pathlib)
        self._template = template
        self._top = top
        self._is_told = is_told
        self._pid = os.getpid()
        self._has_own_file = expand_path(template, 1) != expand_path(template, 2)
        self._main_thread = _thread.get_ident()
        self._is_busy = False
        self._is_done = False
        self._late_signal: int | None = None

    def arm(self) -> None:
        """Take care of the end of this process, and of those that will be forked from it."""
        atexit.register(self._on_exit)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._on_signal)
        os.register_at_fork(after_in_child=self._on_fork)

    def _on_exit(self) -> None:
        if not self._is_due():
            return
        in_main_thread = _thread.get_ident() == self._main_thread
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # A KeyboardInterrupt would reach nobody now.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # What the program printed comes first. Its own flush, later, tells of errors.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        self._finish()
        if _was_interrupted():
            # Every `eval` of a text (of which one is in namedtuple) makes the interpreter forget
            # that its exit status has to be that of SIGINT, unless it ends by this.
            with contextlib.suppress(KeyboardInterrupt):
                exec("raise KeyboardInterrupt")
        if in_main_thread:
            self._disarm_signal()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self._disarm_signal():
            # Called by a handler of the program, which decides what becomes of the process.
            return
        if self._is_busy:
            self._late_signal = number
            return
        self._finish()
        signal.raise_signal(number)

    def _on_fork(self) -> None:
        self._is_busy = False
        self._is_done = False
        self._main_thread = _thread.get_ident()
        if not self._has_own_file:
            self._disarm_signal()
            return
        # Children of multiprocessing end without exit functions, or with none but its own.
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.register_after_fork(self, Ending._on_multiprocessing_fork)

    def _on_multiprocessing_fork(self) -> None:
        from multiprocessing import util

        util.Finalize(None, self._finish, exitpriority=_LAST)

    def _disarm_signal(self) -> bool:
        """Give SIGTERM its default action back if it is still ours; tell whether it was."""
        if signal.getsignal(signal.SIGTERM) != self._on_signal:
            return False
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return True

    def _is_due(self) -> bool:
        return not self._is_done and (self._has_own_file or os.getpid() == self._pid)

    def _finish(self) -> None:
        if not self._is_due():
            return
        self._is_done = True
        self._is_busy = True
        try:
            self._leave_behind()
        except Exception as error:
            _say(f"ctracemalloc: no report: {type(error).__name__}: {error}\n")
        finally:
            self._is_busy = False
        if self._late_signal is not None:
            signal.raise_signal(self._late_signal)

    def _leave_behind(self) -> None:
        if not ctracemalloc.is_tracing():
            _say("ctracemalloc: no snapshot: the program has stopped the tracing\n")
            return
        current, peak = ctracemalloc.get_traced_memory()
        snapshot = ctracemalloc.take_snapshot()
        path = os.path.join(self._folder, expand_path(self._template, os.getpid()))  # noqa: PTH118
        try:
            snapshot.dump(path)
            outcome = f"snapshot written to {path}"
            is_told = self._is_told
        except Exception as error:
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            outcome = f"no snapshot: cannot write {path}: {reason}"
            is_told = True
        if self._top > 0:
            from ctracemalloc.report import text

            _say(
                f"ctracemalloc: {text.human_size(current)} in {len(snapshot.traces):,} blocks"
                f" at exit, peak {text.human_size(peak)}\n"
            )
            _say(text.top_lines(snapshot, self._top, self._folder))
        if is_told:
            _say(f"ctracemalloc: {outcome}\n")


def _was_interrupted() -> bool:
    """Tell whether it is an uncaught KeyboardInterrupt that ends the program."""
    if sys.flags.interactive or sys.flags.inspect or hasattr(sys, "ps1"):
        return False
    return getattr(sys, "last_type", None) is KeyboardInterrupt


def _say(text: str) -> None:
    """Write to the process's standard error, also if `sys.stderr` is busy, replaced or closed."""
    if sys.__stderr__ is None:
        # The descriptor is free, or somebody else's file.
        return
    rest = text.encode(sys.__stderr__.encoding, "backslashreplace")
    try:
        while rest:
            rest = rest[os.write(2, rest) :]
    except OSError:
        # Nobody listens, and the program's end is not to be changed by it.
        pass
