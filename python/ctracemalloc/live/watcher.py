"""A thread that looks at the program's memory while it runs, and takes snapshots.

It is none of `threading`'s: it is not listed there, nobody waits for it, and it ends with the
process. Signals are blocked in it, so that they interrupt the program's own threads as ever. It
ends before a fork and begins anew after it, so that the fork is one of a process without it, unless
it is in the middle of a look that takes seconds.
It needs the GIL: while the program is inside C code that holds it, nothing is seen.
"""

from __future__ import annotations

# As in `report.ending`.
import _signal  # type: ignore[import-not-found]
import os

import ctracemalloc
from ctracemalloc.live.originals import Original
from ctracemalloc.live.process import Ceiling
from ctracemalloc.live.say import reason, say
from ctracemalloc.live.series import Series, SeriesFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ctracemalloc.live.target import Target

# How often growth and the resident memory are looked at, in seconds.
_POLL = 0.05
# After a snapshot that took a second, this many pass without one.
_REST = 9
# How long a fork waits for the system to take the ended thread away, in seconds.
_PATIENCE = 0.1
# How long a fork, and the program's end, wait for a look to end: a finalizer of the program's that
# the look happens to run may wait for a lock of the thread that waits here. At the end a large
# snapshot that is being written would be lost.
_LONGEST_LOOK = 2.0
_LONGEST_LAST_LOOK = 30.0
# What may be over when the next snapshot is due: a want of disk, of descriptors, of memory.
_PASSING = (OSError, MemoryError)


def make_watcher(target: Target, told: dict[str, str]) -> Watcher:
    """Make one of what `ctracemalloc run` was told (`ctracemalloc_startup.Request.watch`)."""
    return Watcher(
        target,
        every=float(told["every"]) if "every" in told else None,
        growth=int(told["growth"]) if "growth" in told else None,
        keep=int(told["keep"]),
        keep_bytes=int(told["keep_bytes"]),
        ceiling=Ceiling(told["at_rss"]) if "at_rss" in told else None,
    )


class Watcher:
    """Takes a series of snapshots, at an interval or when memory grew, and one at a ceiling.

    `series_folder` is where the series is, once it has begun.
    """

    def __init__(
        self,
        target: Target,
        *,
        every: float | None = None,
        growth: int | None = None,
        keep: int,
        keep_bytes: int,
        ceiling: Ceiling | None = None,
    ) -> None:
        self._target = target
        self._every = every
        self._growth = growth
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._ceiling = ceiling
        self._pauses = 0
        self._is_stopped = False
        self._has_complained = False
        self._is_startless = False
        # The thread whose end is the process's. A child that another one forked has none such: it
        # ends with the last of its threads.
        self._main_thread = Original.get_ident()
        self._ends_with: object = None
        self._renew()

    def start(self) -> None:
        """Begin to look, also after each fork."""
        os.register_at_fork(
            before=self._pause, after_in_parent=self._resume, after_in_child=self._on_fork
        )
        self._begin_thread()

    def stop(self) -> None:
        """Take no more snapshots; returns when the last one is finished, or takes too long."""
        with self._lock:
            self._is_stopped = True
            self._end_thread(_LONGEST_LAST_LOOK)

    def _renew(self) -> None:
        # A signal's handler may stop it in the middle of a fork's preparation.
        self._lock = Original.RLock()
        self._wake = Original.allocate_lock()
        self._wake.acquire()
        self._running = Original.allocate_lock()
        self._native_id = 0
        self._series: Series | None = None
        self.series_folder: str | None = None
        if self._every is not None or self._growth is not None:
            folders = self._target.series_folders()
            self._series = Series(folders, self._keep, self._keep_bytes)
        self._due = Original.monotonic() + (self._every or 0.0)
        self._seen = 0
        self._is_near = False
        self._is_missing = False

    def _begin_thread(self) -> None:
        """Have the thread begin, or the next fork try again where the system allows no more."""
        self._running.acquire()
        # A thread begins with the mask of the one that starts it.
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        try:
            Original.start_new_thread(self._run, ())
            self._is_startless = False
        except (RuntimeError, MemoryError) as error:
            self._running.release()
            if not self._is_startless:
                self._is_startless = True
                say(f"ctracemalloc: no snapshots while it runs: {reason(error)}\n")
        except BaseException:
            self._running.release()
            raise
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)

    def _end_thread(self, patience: float) -> None:
        """Have the thread end, and wait until the system does not know it any more.

        Or until `patience`, in seconds, is over.
        """
        if not self._running.locked() or self._native_id == Original.get_native_id():
            return
        if self._wake.locked():
            self._wake.release()
        if not self._running.acquire(timeout=patience):
            return
        self._running.release()
        # If it had ended by itself, nobody took this.
        self._wake.acquire(blocking=False)
        deadline = Original.monotonic() + _PATIENCE
        while _is_known(self._native_id) and Original.monotonic() < deadline:
            Original.sleep(0.0002)

    def _pause(self) -> None:
        with self._lock:
            self._pauses += 1
            if self._pauses == 1:
                self._end_thread(_LONGEST_LOOK)

    def _resume(self) -> None:
        with self._lock:
            self._pauses -= 1
            if self._pauses == 0 and not self._is_stopped and not self._goes_on():
                self._begin_thread()

    def _goes_on(self) -> bool:
        """Tell whether the thread that was to end is still looking; have it go on then."""
        return self._wake.acquire(blocking=False) and self._running.locked()

    def _on_fork(self) -> None:
        self._pauses = 0
        self._renew()
        if self._ends_with is not None or Original.get_ident() != self._main_thread:
            self._ends_with = _at_end_of_thread(self.stop)
        if self._target.is_ours() and not self._is_stopped:
            self._begin_thread()
        else:
            self._is_stopped = True

    def _run(self) -> None:
        self._native_id = Original.get_native_id()
        try:
            while not self._wake.acquire(timeout=self._wait()):
                if ctracemalloc.is_tracing():
                    self._look()
                if self._series is None and (self._ceiling is None or self._is_near):
                    return
        except Exception as error:
            say(f"ctracemalloc: no more snapshots while it runs: {reason(error)}\n")
        finally:
            self._running.release()

    def _wait(self) -> float:
        now = Original.monotonic()
        if self._series is not None and self._every is not None:
            left = max(self._due - now, 0.0)
            return left if self._ceiling is None else min(left, _POLL)
        return max(_POLL, self._due - now)

    def _look(self) -> None:
        if self._ceiling is not None and not self._is_near:
            used = self._used(self._ceiling)
            if used >= self._ceiling.level:
                self._is_near = True
                self._warn(used)
        if self._series is not None and self._is_due():
            began = Original.monotonic()
            self._add_to(self._series)
            now = Original.monotonic()
            self._due = max(began + (self._every or 0.0), now + _REST * (now - began))

    def _add_to(self, series: Series) -> None:
        try:
            series.add(ctracemalloc.take_snapshot())
        except SeriesFull as error:
            say(f"ctracemalloc: the series in {series.folder} ends: {error}\n")
            self._series = None
        except _PASSING as error:
            if not self._is_missing:
                self._is_missing = True
                say(
                    f"ctracemalloc: the series in {series.folder} misses snapshots: "
                    f"{reason(error)}\n"
                )
        else:
            self.series_folder = series.folder
            self._is_missing = False

    def _used(self, ceiling: Ceiling) -> int:
        try:
            return ceiling.used()
        except _PASSING as error:
            # The program may be short of descriptors for a moment: the next look may succeed.
            if not self._has_complained:
                self._has_complained = True
                say(f"ctracemalloc: cannot read how much is in memory: {reason(error)}\n")
            return 0

    def _is_due(self) -> bool:
        if Original.monotonic() < self._due:
            return False
        if self._growth is None:
            return True
        current = ctracemalloc.get_traced_memory()[0]
        if current < self._seen + self._growth:
            # What is given back may grow again.
            self._seen = min(self._seen, current)
            return False
        self._seen = current
        return True

    def _warn(self, used: int) -> None:
        path = self._target.beside("rss")
        try:
            ctracemalloc.take_snapshot().dump(path, command=True)
            outcome = f"snapshot written to {path}"
        except _PASSING as error:
            outcome = f"no snapshot: cannot write {path}: {reason(error)}"
        say(f"ctracemalloc: {used / 2**20:,.0f} MiB in memory: {outcome}\n")


def _at_end_of_thread(act: Callable[[], None]) -> object:
    """Have something done when this thread ends, as long as what is returned lives."""
    local = Original.local()
    local.last = _Last(act)
    return local


class _Last:
    """Does something when it goes, in the thread and the process that made it."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._makers = (os.getpid(), Original.get_ident())

    def __del__(self) -> None:
        # In a child, what other threads had goes before anybody is told of the fork.
        if self._makers == (os.getpid(), Original.get_ident()):
            self._act()


def _is_known(native_id: int) -> bool:
    return os.access(f"/proc/self/task/{native_id}", os.F_OK)
