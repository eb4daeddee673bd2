"""Holds a signal up while a process forks.

In a child, the interpreter forgets the signals that were noted since the fork, before it calls
anything else. Without a handler such a signal would have ended the child; with one of ours it would
be lost, and whoever sent it waits for a process that does not end.
"""

from __future__ import annotations

from _signal import SIG_BLOCK, SIG_SETMASK, pthread_sigmask  # type: ignore[import-not-found]

from ctracemalloc.live.originals import Original


class HeldSignal:
    """A signal that waits in the system from `hold` to `release`, in the thread that forks.

    Other threads may begin to fork meanwhile, and a signal's handler may fork in the middle of it.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._masks: dict[int, list[set[int]]] = {}

    def hold(self) -> None:
        """Block the signal."""
        masks = self._masks.setdefault(Original.get_ident(), [])
        # Noted before it is changed: a handler may raise between the two.
        masks.append(pthread_sigmask(SIG_BLOCK, ()))
        pthread_sigmask(SIG_BLOCK, (self._number,))

    def release(self) -> None:
        """Have the signal come through, as before `hold`."""
        me = Original.get_ident()
        masks = self._masks.get(me)
        if not masks:
            # A handler raised before anything was blocked.
            return
        mask = masks.pop()
        if not masks:
            del self._masks[me]
        pthread_sigmask(SIG_SETMASK, mask)
