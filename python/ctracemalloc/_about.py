"""What snapshot files say of the traced program."""

from __future__ import annotations

import os
import sys

from ctracemalloc._domains import given_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ctracemalloc._engine import SnapshotTable


def asked_for(labels: Mapping[str, str] | None, host: bool, command: bool) -> dict[str, Any]:
    """Return what is only said if that is asked for: see `Snapshot.dump`."""
    about: dict[str, Any] = {}
    if labels is not None:
        about["labels"] = dict(labels)
        for name, text in about["labels"].items():
            if type(name) is not str or type(text) is not str:
                raise TypeError(f"labels are a dict of str to str, not {name!r}: {text!r}")
    if host:
        about["host"] = os.uname().nodename
    if command:
        about["command"] = list(sys.orig_argv)
    return about


def with_names(table: SnapshotTable, about: dict[str, Any]) -> dict[str, Any]:
    """Add the names that the program gave to domains of the traces, beside those that are known."""
    given = given_names(table.domains())
    return {**about, "domains": {**said_of(table).get("domains", {}), **given}} if given else about


def said_of(table: SnapshotTable) -> dict[str, Any]:
    """Return what a table says, without what is of another kind than the format says."""
    return {name: value for name, value in table.about().items() if _is_as_described(name, value)}


def _is_as_described(name: str, value: object) -> bool:
    if name in ("python", "host"):
        return isinstance(value, str)
    if name == "command":
        return isinstance(value, list) and _are_texts(value)
    if name in ("labels", "domains"):
        return isinstance(value, dict) and _are_texts([*value, *value.values()])
    if name in ("exact", "callers", "complete"):
        return isinstance(value, bool)
    return True


def _are_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)
