"""`Snapshot`: as the standard library's, computed by the engine."""

from __future__ import annotations

import os
from _collections_abc import Iterable, Mapping, Sequence

import ctracemalloc
from ctracemalloc import _load
from ctracemalloc._engine import SnapshotTable
from ctracemalloc._filters import BaseFilter, engine_spec, wants_names
from ctracemalloc._grouping import _compare_grouped_stats, check_key, group
from ctracemalloc._model import GivenTrace, Statistic, StatisticDiff, TraceTuple, _Traces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from ctracemalloc._filters import Spec
    from ctracemalloc._model import Traceback

StrOrBytesPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Traces = SnapshotTable | Sequence[TraceTuple]
GivenTraces = SnapshotTable | Sequence[GivenTrace]


class Snapshot:
    """The traces of all memory blocks at one moment.

    `traces` is a sequence of `Trace`: in a fixed order in what `take_snapshot()` returns (first
    the rows of equal traces that have the most bytes), otherwise in the given order.
    """

    __module__ = "ctracemalloc"

    def __init__(self, traces: GivenTraces, traceback_limit: int) -> None:
        self.traces = _Traces(traces)
        self.traceback_limit = traceback_limit

    @property
    def kind(self) -> str:
        """What the blocks are, as in `take_snapshot()`: 'live', 'peak', 'churn' or 'reuse'."""
        traces = self.traces._traces
        return traces.kind() if isinstance(traces, SnapshotTable) else "live"

    @property
    def is_exact(self) -> bool:
        """Whether all that is counted stands under its own line.

        False: of a churn, what stacks counted that were given back was too much to be kept by line
        (`start(churn_lines=...)`). Some of it stands under its file, line 0, or under
        `<given back>`, so that the statistics of single lines may say too little; each says so
        (`Statistic.is_exact`). Their sum is exact in any case.
        """
        return self._says("exact")

    def _says(self, name: str) -> bool:
        """Return what is said of the churn, true unless it is denied.

        That all stands under its own line ("exact"), under its own stack ("callers"), and that
        filters left out nothing that may belong to what they kept ("complete").
        """
        traces = self.traces._traces
        if not isinstance(traces, SnapshotTable) or traces.kind() not in ("churn", "reuse"):
            return True
        from ctracemalloc._about import said_of

        answer: bool = said_of(traces).get(name, True)
        return answer

    def dump(
        self,
        filename: StrOrBytesPath | int | BinaryIO,
        *,
        fsync: bool = False,
        labels: Mapping[str, str] | None = None,
        host: bool = False,
        command: bool = False,
    ) -> None:
        """Write the snapshot to a file: all or nothing, if it is given by a path.

        With `fsync`, the file survives a loss of power from the moment that this returns.
        `labels` are names and texts by which to know the snapshot; with `host` and `command`, the
        host's name and this process's command line are kept too. `ctracemalloc info` shows them.

        Attributes that were set on the snapshot are saved, too. One that is not plain data (None,
        bool, int, float, str, bytes, and lists, tuples and dicts of these) is a ValueError, and
        nothing is written.
        """
        from ctracemalloc import _about, _files

        _files.dump(self, filename, fsync, _about.asked_for(labels, host, command))

    @staticmethod
    def load(filename: StrOrBytesPath | int | BinaryIO) -> Snapshot:
        """Read a snapshot from a file that `dump()` wrote, here or in the standard library.

        Nothing in the file is ever executed. `FormatError` says what is wrong with it, and where.
        """
        from ctracemalloc import _files

        return _files.load(filename)

    @staticmethod
    def merge(*snapshots: Snapshot) -> Snapshot:
        """Return one snapshot of the traces of several: of processes, of hosts.

        What is said of the moment is true of the whole. Bytes, blocks and missing traces add up;
        so do the peaks, which the whole never exceeded. The time is the newest, the limit of
        frames the largest, the process unknown unless it is one. An attribute stays where all
        have it and it is equal; different texts are joined by commas.
        """
        _load("ctracemalloc._merge")
        from ctracemalloc import _merge

        return _merge.merge(snapshots)

    def filter_traces(self, filters: Iterable[BaseFilter]) -> Snapshot:
        """Return a snapshot of the traces that pass: any inclusive filter, if there is one, and
        every exclusive one.
        """
        if not isinstance(filters, Iterable):
            raise TypeError(f"filters must be a list of filters, not {type(filters).__name__}")
        traces = self.traces._traces
        if not filters:
            return Snapshot(traces.copy(), self.traceback_limit)  # type: ignore[union-attr]
        include: list[BaseFilter] = []
        exclude: list[BaseFilter] = []
        for trace_filter in filters:
            (include if trace_filter.inclusive else exclude).append(trace_filter)
        kept: Traces | None = _filter_in_engine(traces, include + exclude)
        if kept is None:
            kept = self._filter_here(traces, include, exclude)
        filtered = Snapshot(kept, self.traceback_limit)
        if not self._says("callers"):
            _load("ctracemalloc._exactness")
            from ctracemalloc._exactness import say_if_incomplete

            say_if_incomplete(self, filtered, include + exclude)
        return filtered

    def _filter_here(
        self, traces: Traces, include: list[BaseFilter], exclude: list[BaseFilter]
    ) -> Traces:
        if isinstance(traces, SnapshotTable):
            # Once for each row of equal traces.
            if any(map(wants_names, include + exclude)):
                return traces.select(bytes(_judge_with_names(traces, include, exclude)))
            rows = _rows_to_judge(traces, traces.rows())
            passes = (self._filter_trace(include, exclude, trace) for trace, _ in rows)
            return traces.select(bytes(passes))
        return [trace for trace in traces if self._filter_trace(include, exclude, trace)]

    def _filter_trace(
        self,
        include_filters: Sequence[BaseFilter],
        exclude_filters: Sequence[BaseFilter],
        trace: TraceTuple,
    ) -> bool:
        if include_filters and not any(f._match(trace) for f in include_filters):
            return False
        return all(f._match(trace) for f in exclude_filters)

    def statistics(self, key_type: str, cumulative: bool = False) -> list[Statistic]:
        """Group the traces by `'filename'`, `'lineno'`, `'traceback'`, `'function'` or `'module'`,
        the largest group first.

        In cumulative mode (not by `'traceback'`) a block counts at each frame of its stack, as in
        the standard library: where a function calls itself, once for each call, so that a place may
        have more than there is. `tree()`, `ctracemalloc top --cumulative` and reports count it
        once. By `'function'` the traceback of a group is one frame with the function's file and
        `name`, and line 0. By `'module'` it is one frame whose `filename` is the module's name,
        such as `json.decoder`; it is read off the name of the file.
        """
        check_key(key_type, cumulative)
        statistics = self._statistics(key_type, cumulative)
        _mark_inexact(statistics, (self,), key_type, cumulative)
        return statistics

    def _statistics(self, key_type: str, cumulative: bool) -> list[Statistic]:
        table = _table_for(self.traces._traces, key_type, cumulative)
        if table is not None:
            try:
                return table.statistics(key_type, cumulative)
            except OverflowError:
                # Sums of more than 64 bits are for Python's integers.
                pass
        statistics = list(self._group_by(key_type, cumulative).values())
        statistics.sort(reverse=True, key=Statistic._sort_key)
        return statistics

    def compare_to(
        self, old_snapshot: Snapshot, key_type: str, cumulative: bool = False
    ) -> list[StatisticDiff]:
        """Group this snapshot and an older one as `statistics()` does, and return the differences,
        the largest first.
        """
        check_key(key_type, cumulative)
        old = adopt(old_snapshot)
        diffs = self._compare_to(old, key_type, cumulative)
        _mark_inexact(diffs, (self, old), key_type, cumulative)
        return diffs

    def _compare_to(self, old: Snapshot, key_type: str, cumulative: bool) -> list[StatisticDiff]:
        if isinstance(old, Snapshot):
            now_table = _table_for(self.traces._traces, key_type, cumulative)
            old_table = _table_for(old.traces._traces, key_type, cumulative)
            if now_table is not None and old_table is not None:
                try:
                    return now_table.compare(old_table, key_type, cumulative)
                except OverflowError:
                    pass
        now_groups = self._group_by(key_type, cumulative)
        diffs = _compare_grouped_stats(old._group_by(key_type, cumulative), now_groups)
        diffs.sort(reverse=True, key=StatisticDiff._sort_key)
        return diffs

    def tree(self, *, by: str = "lineno", inverted: bool = False) -> ctracemalloc.Tree:
        """Return the traces as a tree of calls, from callers to callees: what flame graphs are
        drawn from. Inverted, it goes from callees to callers.

        `by` says what tells frames apart: `'lineno'` (file, line and function), `'function'`,
        `'filename'` or `'module'`.
        """
        _load("ctracemalloc._tree")
        from ctracemalloc._tree import Tree

        traces = self.traces._traces
        table = traces if isinstance(traces, SnapshotTable) else SnapshotTable(traces)
        return Tree(table, by, inverted)

    def _repr_html_(self) -> str:
        _load("ctracemalloc.report.cells")
        from ctracemalloc.report.cells import snapshot_html

        return snapshot_html(self)

    def _group_by(self, key_type: str, cumulative: bool) -> dict[Traceback, Statistic]:
        check_key(key_type, cumulative)
        traces = self.traces._traces
        if isinstance(traces, SnapshotTable):
            rows = traces.named_rows() if key_type == "function" else traces.rows()
            return group(rows, key_type, cumulative)
        return group(((trace, 1) for trace in traces), key_type, cumulative)


def _mark_inexact(
    statistics: Sequence[Statistic | StatisticDiff],
    snapshots: Iterable[Snapshot],
    key_type: str,
    cumulative: bool,
) -> None:
    doubtful = [s for s in snapshots if isinstance(s, Snapshot) and not s._says("callers")]
    if doubtful:
        _load("ctracemalloc._exactness")
        from ctracemalloc._exactness import mark_inexact

        mark_inexact(statistics, doubtful, key_type, cumulative)


def as_table(traces: Traces) -> SnapshotTable | None:
    """Return traces as the engine takes them; None if it cannot represent them."""
    if isinstance(traces, SnapshotTable):
        return traces
    # Of other iterables nobody knows whether they can be read twice.
    if type(traces) is list or type(traces) is tuple:
        try:
            return SnapshotTable(traces)
        except ValueError:
            pass
    return None


def _table_for(traces: Traces, key_type: str, cumulative: bool) -> SnapshotTable | None:
    """Return a table that the engine groups as the standard library does, if there is one."""
    table = as_table(traces)
    if table is not None and key_type == "filename" and not cumulative and table.is_frameless():
        # The standard library raises IndexError for a trace without a newest frame.
        return None
    return table


def _filter_in_engine(traces: Traces, filters: list[BaseFilter]) -> SnapshotTable | None:
    specs: list[Spec] = []
    for trace_filter in filters:
        spec = engine_spec(trace_filter)
        if spec is None:
            return None
        specs.append(spec)
    table = as_table(traces)
    if table is None or table.is_frameless():
        return None
    return table.filter(specs)


def _rows_to_judge(
    table: SnapshotTable, rows: Iterator[tuple[TraceTuple, int]]
) -> Iterator[tuple[TraceTuple, int]]:
    """Return rows as a filter's `_match` may see them, without sizes that no block has."""
    if table.kind() == "live":
        return rows
    _load("ctracemalloc._unknown_size")
    from ctracemalloc._unknown_size import without_sizes

    return without_sizes(table, rows)


def _judge_with_names(
    table: SnapshotTable, include: list[BaseFilter], exclude: list[BaseFilter]
) -> Iterator[bool]:
    """Say of each row whether it passes. Filters that look for names are shown them."""
    rows = _rows_to_judge(table, table.rows())
    named_rows = _rows_to_judge(table, table.named_rows())
    for (trace, _), (named, _) in zip(rows, named_rows, strict=True):

        def matches(
            trace_filter: BaseFilter, trace: TraceTuple = trace, named: TraceTuple = named
        ) -> bool:
            return bool(trace_filter._match(named if wants_names(trace_filter) else trace))

        yield (not include or any(map(matches, include))) and all(map(matches, exclude))


def adopt(snapshot: Snapshot) -> Snapshot:
    """Make a snapshot of the standard library ours: its tracebacks equal none of our own."""
    # Its class may be derived from the standard library's, which is not imported to ask.
    for cls in type(snapshot).__mro__:
        if cls.__module__ == "tracemalloc" and cls.__name__ == "Snapshot":
            return Snapshot(snapshot.traces._traces, snapshot.traceback_limit)
    return snapshot
