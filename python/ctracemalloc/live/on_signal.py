"""A snapshot of the running program whenever it gets a signal (`CTRACEMALLOC_SIGNAL`)."""

from __future__ import annotations

# As in `report.ending`.
import _signal  # type: ignore[import-not-found]

import ctracemalloc
from ctracemalloc.live.say import reason, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from ctracemalloc.live.target import Target

_NAMES = ("HUP", "USR1", "USR2")


def parse_signal(text: str) -> int:
    """Read a signal that nothing else is meant by: USR1, USR2, HUP, or a real-time one."""
    name = text.strip().upper().removeprefix("SIG")
    if name in _NAMES:
        return int(getattr(_signal, f"SIG{name}"))
    base, _, offset = name.partition("+")
    if base == "RTMIN" and (not offset or offset.isdecimal()):
        number = int(_signal.SIGRTMIN) + int(offset or 0)
        if number <= _signal.SIGRTMAX:
            return number
    raise ValueError(f"{text!r} is no signal for a snapshot (USR1, USR2, HUP, RTMIN+N)")


class SignalSnapshots:
    """Writes a numbered snapshot at each signal, between two instructions of the main thread."""

    def __init__(self, text: str, target: Target) -> None:
        self._text = text
        self._number = parse_signal(text)
        self._target = target
        self._taken = 0
        self._is_busy = False

    def arm(self) -> None:
        """Set the handler, unless somebody else has set one."""
        if _signal.getsignal(self._number) != _signal.SIG_DFL:
            say(
                f"ctracemalloc: CTRACEMALLOC_SIGNAL={self._text}: the signal has a handler or is "
                "ignored already; it takes no snapshots (choose another)\n"
            )
            return
        # Now: the handler may run while the program is loading it.
        ctracemalloc._load_analysis()
        _signal.signal(self._number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_busy:
            # The snapshot that is being taken answers this one as well.
            return
        self._is_busy = True
        try:
            self._take()
        except Exception as error:
            say(f"ctracemalloc: no snapshot at the signal: {reason(error)}\n")
        finally:
            self._is_busy = False

    def _take(self) -> None:
        if not ctracemalloc.is_tracing():
            say("ctracemalloc: no snapshot at the signal: the program has stopped the tracing\n")
            return
        snapshot = ctracemalloc.take_snapshot()
        self._taken += 1
        path = self._target.beside(f"signal-{self._taken}")
        try:
            snapshot.dump(path, command=True)
        except OSError as error:
            say(f"ctracemalloc: no snapshot: cannot write {path}: {reason(error)}\n")
            return
        say(f"ctracemalloc: snapshot written to {path}\n")
