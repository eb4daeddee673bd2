"""Puts ctracemalloc in the place of the standard library's `tracemalloc`, and takes it out again.

`install()` does three things:

- If the standard library is tracing, its tracing is stopped and ours starts with the same limit.
  Its traces have no addresses and cannot live on in our table: they are returned as a `Snapshot`.
- `sys.modules` gets this package under the names `tracemalloc` and `_tracemalloc`, so that every
  import from now on finds it (`warnings` and pytest import when they need it; so does `pickle`).
- Who imported before is served as well: the names inside the two module objects of the standard
  library are bound to ours, and so are globals of other modules that hold one of its functions or
  classes (`from tracemalloc import start`). References elsewhere (an attribute of an instance, a
  default argument, a closure) stay what they are.

An object of a class of the standard library that is still around is pickled, and copied, as one of
ours: pickle finds no class by its name but the one that is in place.

`uninstall()` undoes what is still as `install()` left it. Modules that were imported in between and
took names out of `tracemalloc` keep ours.

The state is that of one interpreter: each subinterpreter has its own `sys.modules`.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock

import ctracemalloc
from ctracemalloc import _load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_STDLIB_NAMES = ("tracemalloc", "_tracemalloc")
_PACKAGE = "ctracemalloc"


class _Installation:
    """What `install()` changed, so that `uninstall()` can change it back."""

    def __init__(self, ours: ModuleType, stdlib_limit: int | None) -> None:
        self.ours = ours
        # The limit that the standard library was tracing with; None if it was not tracing.
        self.stdlib_limit = stdlib_limit
        self._modules = {name: sys.modules[name] for name in _STDLIB_NAMES if name in sys.modules}
        self._bindings: list[tuple[dict[str, object], str, object, object]] = []
        self._reducers: list[tuple[type, Any]] = []

    def put_in_place(self) -> None:
        replacements = self._replacements()
        for module in list(sys.modules.values()):
            namespace = _namespace(module)
            if namespace is not None and not _is_own(namespace):
                self._rebind(namespace, replacements)
        for name in _STDLIB_NAMES:
            sys.modules[name] = self.ours
        if replacements:
            self._reduce_to_ours(replacements)

    def take_out(self) -> None:
        for name in _STDLIB_NAMES:
            if sys.modules.get(name) is not self.ours:
                continue
            if name in self._modules:
                sys.modules[name] = self._modules[name]
            else:
                del sys.modules[name]
        for namespace, name, theirs, ours in self._bindings:
            if namespace.get(name) is ours:
                namespace[name] = theirs
        if self._reducers:
            import copyreg
        for cls, reducer in self._reducers:
            if copyreg.dispatch_table.get(cls) is reducer:
                del copyreg.dispatch_table[cls]

    def _replacements(self) -> dict[int, tuple[object, object]]:
        """Map the identity of each function and class of the standard library to (it, ours)."""
        found = {}
        for module in self._modules.values():
            for name, theirs in list((_namespace(module) or {}).items()):
                if getattr(theirs, "__module__", None) not in _STDLIB_NAMES:
                    continue
                ours = getattr(self.ours, name, None)
                if ours is not None and ours is not theirs:
                    found[id(theirs)] = (theirs, ours)
        return found

    def _reduce_to_ours(self, replacements: dict[int, tuple[object, object]]) -> None:
        _load("copyreg")
        import copyreg

        for theirs, ours in replacements.values():
            if isinstance(theirs, type) and theirs not in copyreg.dispatch_table:
                reducer = _reducer(ours)
                copyreg.dispatch_table[theirs] = reducer
                self._reducers.append((theirs, reducer))

    def _rebind(
        self, namespace: dict[str, object], replacements: dict[int, tuple[object, object]]
    ) -> None:
        # Tuples of all its items at once would stay in a free list, with a trace.
        for name in list(namespace):
            theirs, ours = replacements.get(id(namespace.get(name)), (None, None))
            if theirs is not None:
                namespace[name] = ours
                self._bindings.append((namespace, name, theirs, ours))


_installation: _Installation | None = None
_lock = RLock()


def install() -> ctracemalloc.Snapshot | None:
    """Put ctracemalloc in the place of `tracemalloc`; do nothing if it is there.

    If the standard library was tracing, return its traces, and trace on with its limit.
    """
    global _installation
    with _lock:
        if _installation is not None:
            return None
        # Even where nobody imported it, `-X tracemalloc` may have set it tracing.
        _load("_tracemalloc")
        import _tracemalloc as stdlib

        snapshot = None
        limit = None
        if stdlib.is_tracing():
            limit = stdlib.get_traceback_limit()
            traces: Any = stdlib._get_traces()
            snapshot = ctracemalloc.Snapshot(traces, limit)
            stdlib.stop()
            try:
                ctracemalloc.start(limit)
            except BaseException:
                stdlib.start(limit)
                raise
        _installation = _Installation(ctracemalloc, limit)
        _installation.put_in_place()
        return snapshot


def uninstall() -> ctracemalloc.Snapshot | None:
    """Undo `install()`; do nothing if ctracemalloc is not in place.

    If `install()` went on with a tracing of the standard library, and it is still going on, it is
    given back in the same way: ours stops, its traces are returned, the standard library starts.
    """
    global _installation
    with _lock:
        if _installation is None:
            return None
        installation, _installation = _installation, None
        installation.take_out()

        _load("_tracemalloc")
        import _tracemalloc as stdlib

        if installation.stdlib_limit is None or not ctracemalloc.is_tracing():
            return None
        snapshot = ctracemalloc.take_snapshot()
        ctracemalloc.stop()
        stdlib.start(installation.stdlib_limit)
        return snapshot


def is_installed() -> bool:
    """Tell whether ctracemalloc is in the place of `tracemalloc` in this interpreter."""
    return _installation is not None


def _reducer(ours: Any) -> Any:
    def reduce(value: object) -> tuple[object, ...]:
        import copyreg

        state = value.__reduce_ex__(2)[2]
        # Not `__newobj__`, which pickle takes for the value's own class alone; and no function,
        # since `Snapshot.load` reads no file that asks for one.
        return copyreg.__newobj_ex__, (ours, (), {}), state  # type: ignore[attr-defined]

    return reduce


def _namespace(module: object) -> dict[str, object] | None:
    """Return a module's globals without waking a module that is loaded when it is first used."""
    # `types`, which names it, may be a module of the program's.
    if not issubclass(type(module), type(sys)):
        return None
    namespace: dict[str, object] = object.__getattribute__(module, "__dict__")
    return namespace


def _is_own(namespace: dict[str, object]) -> bool:
    name = namespace.get("__name__")
    return isinstance(name, str) and (name == _PACKAGE or name.startswith(_PACKAGE + "."))


def _renew_lock() -> None:
    global _lock
    _lock = RLock()


# A thread that held the lock does not exist in the child of a fork.
os.register_at_fork(after_in_child=_renew_lock)
