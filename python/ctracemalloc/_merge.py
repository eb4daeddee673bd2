"""Several snapshots into one."""

from __future__ import annotations

from ctracemalloc._about import said_of
from ctracemalloc._engine import SnapshotTable
from ctracemalloc._snapshot import Snapshot, adopt, as_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ctracemalloc._snapshot import Traces

_OWN = {"traces", "traceback_limit"}


def merge(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Return a snapshot of the traces of all: see `Snapshot.merge`."""
    if not snapshots:
        raise ValueError("merge() needs at least one snapshot")
    snapshots = [adopt(snapshot) for snapshot in snapshots]
    for snapshot in snapshots:
        if not isinstance(snapshot, Snapshot):
            raise TypeError(f"expected a Snapshot, not {type(snapshot).__name__}")
    kinds = sorted({snapshot.kind for snapshot in snapshots})
    if len(kinds) > 1:
        raise ValueError(f"snapshots of different kinds do not merge: {', '.join(kinds)}")
    merged = Snapshot(_merge_traces(snapshots), max(s.traceback_limit for s in snapshots))
    attributes = [
        {name: value for name, value in vars(snapshot).items() if name not in _OWN}
        for snapshot in snapshots
    ]
    vars(merged).update(_common(attributes))
    return merged


def _merge_traces(snapshots: Sequence[Snapshot]) -> Traces:
    tables = []
    for snapshot in snapshots:
        table = as_table(snapshot.traces._traces)
        if table is None:
            return [trace for snapshot in snapshots for trace in snapshot.traces._traces]
        tables.append(table)
    return SnapshotTable.merge(tables, _common_about([said_of(table) for table in tables]))


def _common_about(abouts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    common = _common(abouts)
    names = [item for about in abouts for item in about.get("domains", {}).items()]
    if names:
        # Of several names one, whatever is merged first.
        common["domains"] = dict(sorted(names, reverse=True))
    if all("labels" in about for about in abouts):
        common["labels"] = _common([about["labels"] for about in abouts])
    for name in ("exact", "callers", "complete"):
        if not all(about.get(name, True) for about in abouts):
            common[name] = False
    return common


def _common(dicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what is true of all: equal values, and all texts where they are text.

    What one of them lacks is left out for good, so that the grouping of merges does not count.
    """
    common = {}
    for name in dicts[0]:
        values = [values[name] for values in dicts if name in values]
        if len(values) < len(dicts):
            continue
        first = values[0]
        if all(type(value) is type(first) and value == first for value in values):
            common[name] = first
        elif all(isinstance(value, str) for value in values):
            common[name] = ", ".join(sorted({text for v in values for text in v.split(", ")}))
    return common
