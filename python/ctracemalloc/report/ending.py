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

# The C part of `signal`, which itself would bring modules that the program may have its own of.
import _signal  # type: ignore[import-not-found]
import atexit
import os
import sys

import ctracemalloc
from ctracemalloc._text import count_of, human_size
from ctracemalloc.live.forking import HeldSignal
from ctracemalloc.live.originals import Original
from ctracemalloc.live.process import is_limited, resident_and_mapped
from ctracemalloc.live.say import reason, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from ctracemalloc import Snapshot
    from ctracemalloc.live.target import Target
    from ctracemalloc.live.watcher import Watcher

# The last of multiprocessing's own exit functions to run.
_LAST = -(10**9)

# Open files beside the program's own, which may have as many as its limit lets it.
_FILES = 64

# What the report of a program with 20,000 sites, 25 frames each, takes twice.
_ADDRESS_SPACE = 16 * 2**20

# From 3.13 on, a child that another thread than the main one forked runs no signal's handler while
# it executes Python code: the interpreter notes the signal for the thread that is gone.
_ALL_CHILDREN_HANDLE_SIGNALS = sys.version_info < (3, 13)


class Ending:
    """Writes the snapshot at the end of this process.

    `top` lines are printed; `is_told` says whether to print the path as well. Of forked children
    with a file of their own nothing is printed. A `watcher` is stopped first. `kinds` are
    those of snapshots in more files, as "peak" and "churn"; `is_opened` asks for a report in a
    browser.
    """

    def __init__(
        self,
        target: Target,
        top: int = 0,
        is_told: bool = False,
        watcher: Watcher | None = None,
        kinds: Sequence[str] = (),
        is_opened: bool = False,
    ) -> None:
        self._target = target
        self._top = top
        self._is_told = is_told
        self._watcher = watcher
        self._kinds = kinds
        self._is_opened = is_opened
        # Given back for the report, where the program has used up all that its limit lets it.
        self._reserve = _reserve()
        self._memory = _memory()
        self._import_path = _ImportPath()
        self._main_thread = Original.get_ident()
        self._is_busy = False
        self._is_done = False
        self._late_signal: int | None = None

    def arm(self) -> None:
        """Take care of the end of this process, and of those that will be forked from it."""
        atexit.register(self._on_exit)
        if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGTERM, self._on_signal)
        held = HeldSignal(_signal.SIGTERM)
        os.register_at_fork(
            before=lambda: held.hold() if self._is_armed() else None,
            after_in_parent=held.release,
            after_in_child=self._on_fork,
        )
        # When it is clear what the signal does in the child.
        os.register_at_fork(after_in_child=held.release)

    def _on_exit(self) -> None:
        if not self._is_due():
            return
        in_main_thread = Original.get_ident() == self._main_thread
        was_interrupted = _was_interrupted()
        if in_main_thread:
            _let_interrupt_kill()
            if was_interrupted:
                # Whatever signal comes now is the second one.
                self._disarm_signal()
        _flush_streams()
        self._finish()
        if was_interrupted:
            _renew_interrupt()
        if in_main_thread:
            self._disarm_signal()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self._disarm_signal():
            # Called by a handler of the program, which decides what becomes of the process.
            return
        if self._is_busy:
            self._late_signal = number
            return
        interrupt = _signal.getsignal(_signal.SIGINT)
        _let_interrupt_kill()
        self._finish()
        _signal.raise_signal(number)
        # Only the first process of a PID namespace outlives the default action.
        self._is_done = False
        if interrupt is not None:
            _signal.signal(_signal.SIGINT, interrupt)
        _signal.signal(number, self._on_signal)

    def _on_fork(self) -> None:
        self._is_busy = False
        self._is_done = False
        by_main_thread = Original.get_ident() == self._main_thread
        self._main_thread = Original.get_ident()
        self._top = 0
        self._is_told = False
        self._is_opened = False
        if not self._target.is_ours():
            self._disarm_signal()
            return
        if not (by_main_thread or _ALL_CHILDREN_HANDLE_SIGNALS):
            # Better no report at SIGTERM than a child that goes on.
            self._disarm_signal()
        # Children of multiprocessing end without exit functions, or with none but its own.
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.register_after_fork(self, Ending._on_multiprocessing_fork)

    def _on_multiprocessing_fork(self) -> None:
        from multiprocessing import util

        util.Finalize(None, self._finish, exitpriority=_LAST)

    def _disarm_signal(self) -> bool:
        """Give SIGTERM its default action back if it is still ours; tell whether it was."""
        if not self._is_armed():
            return False
        _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
        return True

    def _is_armed(self) -> bool:
        return bool(_signal.getsignal(_signal.SIGTERM) == self._on_signal)

    def _is_due(self) -> bool:
        return not self._is_done and self._target.is_ours()

    def _finish(self) -> None:
        if not self._is_due():
            return
        self._is_done = True
        self._is_busy = True
        self._reserve = b""
        more = ctracemalloc._engine._allow_files(_FILES)
        try:
            if self._watcher is not None:
                self._watcher.stop()
            self._leave_behind()
        except Exception as error:
            say(f"ctracemalloc: no report: {reason(error)}\n")
        finally:
            ctracemalloc._engine._allow_files(-more)
            self._is_busy = False
        if self._late_signal is not None:
            _signal.raise_signal(self._late_signal)

    def _leave_behind(self) -> None:
        if not ctracemalloc.is_tracing():
            say("ctracemalloc: no snapshot: the program has stopped the tracing\n")
            return
        with self._import_path:
            # What it allocates leaves no trace, but may replace what had one.
            ctracemalloc._load_analysis()
            current, peak = ctracemalloc.get_traced_memory()
            # Both before anything here allocates.
            memory = ctracemalloc._engine._overlook(_memory)
            own = ctracemalloc.get_tracemalloc_memory()
            others = [ctracemalloc.take_snapshot(at=kind) for kind in self._kinds]
            snapshot = ctracemalloc.take_snapshot()
            path = self._target.path()
            is_written, outcome = self._write(snapshot, path, "snapshot")
            outcomes = [outcome]
            for other in others:
                beside = self._target.beside(other.kind)
                _, outcome = self._write(other, beside, f"snapshot of the {other.kind}")
                outcomes.append(outcome)
            if self._top > 0:
                # The latter is what `linecache` imports once it is asked.
                import tokenize  # noqa: F401

                from ctracemalloc.report import text
        if self._top > 0:
            say(
                f"ctracemalloc: {human_size(current)} in "
                f"{count_of(len(snapshot.traces), 'block')} at exit, peak {human_size(peak)}\n"
            )
            if memory is not None and self._memory is not None:
                resident, mapped = (
                    now - then for now, then in zip(memory, self._memory, strict=True)
                )
                growth = text.unexplained_growth(resident, mapped, current, own)
                say(f"ctracemalloc: {growth}\n")
            say(text.top_lines(snapshot, self._top, self._target.folder))
            say(_losses())
        for outcome in filter(None, outcomes):
            say(f"ctracemalloc: {outcome}\n")
        if self._is_opened and is_written:
            from ctracemalloc.report.opening import open_report

            series = self._watcher.series_folder if self._watcher is not None else None
            paths = [series, path] if series and os.path.isdir(series) else [path]  # noqa: PTH112
            open_report(paths, self._target.folder)

    def _write(self, snapshot: Snapshot, path: str, what: str) -> tuple[bool, str]:
        """Write a snapshot; return whether it worked, and what to tell of it."""
        try:
            snapshot.dump(path, command=True)
        except Exception as error:
            return False, f"no {what}: cannot write {path}: {reason(error)}"
        return True, f"{what} written to {path}" if self._is_told else ""


def _memory() -> tuple[int, int] | None:
    """Return `resident_and_mapped()`; None where the system does not tell."""
    try:
        return resident_and_mapped()
    except OSError:
        return None


def _reserve() -> bytes:
    """Take address space where there is a limit of it, and no memory: zeros come when needed."""
    try:
        return bytes(_ADDRESS_SPACE if is_limited() else 0)
    except (OSError, MemoryError):
        # The system does not tell, or there is little from the start.
        return b""


class _ImportPath:
    """Keeps modules of the program's out that are called as some of the standard library's are."""

    def __init__(self) -> None:
        # At the start the program's own folder is not on it yet.
        self._ours = list(sys.path)

    def __enter__(self) -> None:
        self._programs = sys.path
        sys.path = list(self._ours)

    def __exit__(self, *_: object) -> None:
        sys.path = self._programs


def _losses() -> str:
    dropped = ctracemalloc.get_dropped()
    lost = ctracemalloc.get_lost()
    lines = ""
    if dropped:
        lines += f"ctracemalloc: {count_of(dropped, 'allocation')} left no trace: out of memory\n"
    if lost:
        traces = count_of(lost, "trace")
        lines += f"ctracemalloc: {traces} lost: another tool had removed our hooks\n"
    return lines


def _let_interrupt_kill() -> None:
    """Have SIGINT end the process where it would raise a KeyboardInterrupt, which nobody awaits."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def _flush_streams() -> None:
    """Have what the program printed come first."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # The interpreter's own flush, later, meets the same error and tells of it.
            continue


def _was_interrupted() -> bool:
    """Tell whether it is an uncaught KeyboardInterrupt that ends the program."""
    if sys.flags.interactive or sys.flags.inspect or hasattr(sys, "ps1"):
        return False
    return getattr(sys, "last_type", None) is KeyboardInterrupt


def _renew_interrupt() -> None:
    """Have the interpreter end with the status of SIGINT after all.

    It forgets that it has to when a text is evaluated, as namedtuple does, unless that is how the
    evaluation ends.
    """
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return
