"""Trace memory allocations: every name of the standard library's `tracemalloc`, and more.

`import ctracemalloc as tracemalloc` is all that a program has to change.
"""

from __future__ import annotations

# Also what the standard library's module shows of what it imports is there.
import os
import sys as _sys
from _collections_abc import Iterable, Sequence
from _thread import RLock as _RLock

try:
    from ctracemalloc import _engine
except ImportError as _error:
    from ctracemalloc._no_engine import explain as _explain

    raise _explain(_error, __path__[0]) from None

from ctracemalloc._domains import domain_name, get_include, name_domain
from ctracemalloc._engine import (
    FormatError,
    _get_object_traceback,
    _get_traces,
    clear_traces,
    get_dropped,
    get_lost,
    get_traceback_limit,
    get_traced_memory,
    get_tracemalloc_memory,
    is_churn_exact,
    is_tracing,
    reset_churn,
    reset_peak,
    start,
    stop,
    track,
    untrack,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import fnmatch
    import linecache
    import pickle
    from collections.abc import Callable
    from functools import total_ordering

    from ctracemalloc._filters import (
        BaseFilter,
        DomainFilter,
        Filter,
        _normalize_filename,  # noqa: F401
    )
    from ctracemalloc._grouping import _compare_grouped_stats  # noqa: F401
    from ctracemalloc._model import (
        Frame,
        Statistic,
        StatisticDiff,
        Trace,
        Traceback,
        _format_size,  # noqa: F401
        _Traces,  # noqa: F401
    )
    from ctracemalloc._snapshot import Snapshot
    from ctracemalloc._tree import Tree, TreeNode
    from ctracemalloc.report.notebook import load_ipython_extension as load_ipython_extension
    from ctracemalloc.report.notebook import unload_ipython_extension as unload_ipython_extension
    from ctracemalloc.takeover import install, is_installed, uninstall

__all__ = [
    "BaseFilter",
    "DomainFilter",
    "Filter",
    "FormatError",
    "Frame",
    "Iterable",
    "Sequence",
    "Snapshot",
    "Statistic",
    "StatisticDiff",
    "Trace",
    "Traceback",
    "Tree",
    "TreeNode",
    "clear_traces",
    "domain_name",
    "fnmatch",
    "get_dropped",
    "get_include",
    "get_lost",
    "get_object_traceback",
    "get_traceback_limit",
    "get_traced_memory",
    "get_tracemalloc_memory",
    "install",
    "is_churn_exact",
    "is_installed",
    "is_tracing",
    "linecache",
    "name_domain",
    "os",
    "pickle",
    "reset_churn",
    "reset_peak",
    "start",
    "stop",
    "take_snapshot",
    "total_ordering",
    "track",
    "uninstall",
    "untrack",
]

# What snapshots are looked at with: not in the memory of a program that is only traced.
_ANALYSIS = (
    "BaseFilter",
    "DomainFilter",
    "Filter",
    "Frame",
    "Snapshot",
    "Statistic",
    "StatisticDiff",
    "Trace",
    "Traceback",
    "_Traces",
    "_compare_grouped_stats",
    "_format_size",
    "_normalize_filename",
)

# What would make every start slow, and few ever ask for: (module, name in it or None).
_LAZY = {
    "Tree": ("ctracemalloc._tree", "Tree"),
    "TreeNode": ("ctracemalloc._tree", "TreeNode"),
    "fnmatch": ("fnmatch", None),
    "install": ("ctracemalloc.takeover", "install"),
    "is_installed": ("ctracemalloc.takeover", "is_installed"),
    "linecache": ("linecache", None),
    "load_ipython_extension": ("ctracemalloc.report.notebook", "load_ipython_extension"),
    "pickle": ("pickle", None),
    "total_ordering": ("functools", "total_ordering"),
    "uninstall": ("ctracemalloc.takeover", "uninstall"),
    "unload_ipython_extension": ("ctracemalloc.report.notebook", "unload_ipython_extension"),
}


def get_object_traceback(obj: object) -> Traceback | None:
    """Return the traceback where the object's memory block was allocated.

    None if the block has no trace: it was not traced, or memory is not traced at all.
    """
    frames = _get_object_traceback(obj)
    if frames is None:
        return None
    _load_analysis()
    return Traceback(frames)


def take_snapshot(*, at: str = "now") -> Snapshot:
    """Return a snapshot of the traces of all memory blocks.

    `at="peak"` gives what was live when traced memory was at its peak, `at="churn"` all that was
    allocated, live or not, since `start()` or `reset_churn()`, and `at="reuse"` the part of the
    churn that the interpreter took from its free lists. These know the bytes and blocks of each
    traceback, and no single blocks. A filter of one's own that looks at the size of a trace raises
    ValueError.
    """
    if not is_tracing():
        raise RuntimeError(
            "the tracemalloc module must be tracing memory allocations to take a snapshot"
        )
    _load_analysis()
    if at != "now":
        if at not in ("peak", "churn", "reuse"):
            raise ValueError(f"at must be 'now', 'peak', 'churn' or 'reuse', not {at!r}")
        # Asked before and after, so that what another thread does meanwhile is on the safe side.
        unknown = _unknown_of(at)
        totals = _engine._take_table(at)
        unknown.update(_unknown_of(at))
        if totals is not None and unknown:
            totals = totals.with_about({**totals.about(), **unknown})
        return Snapshot([] if totals is None else totals, get_traceback_limit())
    # Who replaced the function wants its traces to be taken.
    if _get_traces is _engine._get_traces:
        # None if another thread stopped tracing just now: the standard library takes nothing then.
        traces = _engine._take_table()
        return Snapshot([] if traces is None else traces, get_traceback_limit())
    return Snapshot(_get_traces(), get_traceback_limit())


def _unknown_of(at: str) -> dict[str, bool]:
    """Return what a snapshot says of the churn that belongs to no stack any more."""
    unknown: dict[str, bool] = {}
    if at != "peak":
        info = _engine._tables_info()
        if info["folded_lines"] or info["folded_files"]:
            unknown["callers"] = False
        if not is_churn_exact():
            unknown["exact"] = False
    return unknown


_has_analysis = False
# A child that is forked in the middle of it would find modules that nobody goes on loading.
_loading = _RLock()
os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)


def _load_analysis() -> None:
    """Make the names of `_ANALYSIS` globals, without a trace of that where memory is traced."""
    if not _has_analysis:
        _overlook_loading(_bind_analysis)


def _load(name: str) -> None:
    """Load a module without a trace of that: before every import in a function of ours."""
    if name not in _sys.modules:
        _overlook_loading(lambda: _load_now(__import__, name))


def _overlook_loading(load: Callable[[], object]) -> None:
    # No `with`: the arguments of its end would stay in a free list, with a trace.
    _loading.acquire()
    try:
        _engine._overlook(load)
    finally:
        _loading.release()


def _load_now(load: Callable[..., object], *arguments: object) -> None:
    """Load also what the modules import at their top (3.15+, `-X lazy_imports=all`).

    Else they would load it when they first use it, with a trace. Where `_loading` is held, to be
    called by what `_overlook` calls: the collector would run the program's finalizers, which may
    wait for a thread that waits for us.
    """
    mode = getattr(_sys, "get_lazy_imports", str)()
    if mode in ("", "normal"):
        load(*arguments)
        return
    _sys.set_lazy_imports("normal")  # type: ignore[attr-defined]
    try:
        load(*arguments)
    finally:
        _sys.set_lazy_imports(mode)  # type: ignore[attr-defined]


def _bind_analysis() -> None:
    _load_now(_import_analysis)


def _import_analysis() -> None:
    global _has_analysis
    # Loaded by the first `dump()`, `_files` would be growth that the next snapshot shows.
    from ctracemalloc import _files, _filters, _grouping, _model, _snapshot  # noqa: F401

    found = {**vars(_filters), **vars(_grouping), **vars(_model), **vars(_snapshot)}
    for name in _ANALYSIS:
        # Somebody may have put another one there.
        globals().setdefault(name, found[name])
    _has_analysis = True


def _bind_lazily(name: str) -> None:
    module_name, attribute = _LAZY[name]
    # With a name to take from it, the answer is the module itself, and not its package.
    module = __import__(module_name, fromlist=[name])
    globals()[name] = module if attribute is None else getattr(module, attribute)


# A type checker that saw it would let any name pass.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in _ANALYSIS:
            _overlook_loading(_bind_analysis)
        elif name in _LAZY:
            _overlook_loading(lambda: _load_now(_bind_lazily, name))
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *_ANALYSIS, *_LAZY})
