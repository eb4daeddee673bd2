"""What is counted with all that it calls: a block once at each place, however often it recurs."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from cli_support import Caller, dump
from ctracemalloc import Snapshot
from ctracemalloc._engine import module_name
from ctracemalloc.cli.snapshots import KEY_TYPES
from ctracemalloc.report.groups import diffs_of, statistics_of
from ctracemalloc.report.labels import Labels
from ctracemalloc.report.lines import line_columns

_BYS = [key for key in KEY_TYPES if key != "traceback"]
_WALK = (("lib/walk.py", 3), ("lib/walk.py", 5))
# Calls itself 20 times, by two lines.
_DEEP = (0, 1000, (*_WALK * 20, ("main.py", 1)), 41)
_FLAT = (0, 500, (("main.py", 2),), 1)

_Place = tuple[Any, ...]


def _place(frame: Any, key: str) -> _Place:
    filename, lineno = frame[:2]
    name = frame[2] if len(frame) == 3 else ""
    places: dict[str, _Place] = {
        "lineno": (filename, lineno),
        "filename": (filename, 0),
        "function": (filename, 0, name),
        "module": (module_name(filename), 0),
    }
    return places[key]


def _amounts(traces: Iterable[Any], key: str) -> dict[_Place | None, tuple[int, int]]:
    """Add up traces at the set of places that each goes through."""
    amounts: dict[_Place | None, tuple[int, int]] = {}
    for _domain, size, frames, _total in traces:
        places: set[_Place | None] = {_place(frame, key) for frame in frames}
        for place in places or {None}:
            bytes_before, blocks_before = amounts.get(place, (0, 0))
            amounts[place] = bytes_before + size, blocks_before + 1
    return amounts


def _place_of(traceback: Any) -> _Place | None:
    return tuple(traceback._frames[0]) if len(traceback) else None


def _random_traces(rng: random.Random) -> list[Any]:
    frames = [(f"{name}.py", line) for name in ("a", "b", "pkg/c") for line in (1, 2)]
    return [
        (rng.randrange(2), rng.randrange(50), tuple(rng.choices(frames, k=depth)), depth)
        for depth in (rng.randrange(9) for _ in range(rng.randrange(40)))
    ]


@pytest.mark.parametrize("by", _BYS)
def test_each_block_counts_once_at_each_place(by: str) -> None:
    key = KEY_TYPES[by]
    rng = random.Random(by)
    for _ in range(200):
        now, before = _random_traces(rng), _random_traces(rng)
        new, old = Snapshot(now, 9), Snapshot(before, 9)
        statistics = statistics_of(new, key, True)
        wanted = _amounts(now, key)
        assert {_place_of(s.traceback): (s.size, s.count) for s in statistics} == wanted
        order = [(s.size, s.count, s.traceback) for s in statistics]
        assert order == sorted(order, reverse=True)
        was = _amounts(before, key)
        found = {
            _place_of(d.traceback): (d.size, d.size - d.size_diff, d.count, d.count - d.count_diff)
            for d in diffs_of(new, old, key, True)
        }
        assert found == {
            place: tuple(
                amount
                for pair in zip(wanted.get(place, (0, 0)), was.get(place, (0, 0)), strict=True)
                for amount in pair
            )
            for place in {*wanted, *was}
        }


@pytest.mark.parametrize("by", _BYS)
def test_sums_over_64_bits_are_counted_alike(by: str) -> None:
    key = KEY_TYPES[by]
    traces = [(0, 1 << 63, frames, 3) for frames in ((("a.py", 1),) * 3, (("a.py", 1),), ())]
    large = Snapshot(traces, 3)
    found = {_place_of(s.traceback): (s.size, s.count) for s in statistics_of(large, key, True)}
    assert found == _amounts(traces, key)
    (diff, nowhere) = diffs_of(large, Snapshot([], 3), key, True)
    assert (diff.size, nowhere.size) == (1 << 64, 1 << 63)


def test_a_function_that_calls_itself(call: Caller, tmp_path: Path) -> None:
    code = "def walk(n): return [bytes(1000)] + (walk(n - 1) if n else [])\nkept = walk(20)"
    path = tmp_path / "walk.ctm"
    command = [sys.executable, "-m", "ctracemalloc", "run", "-n", "50", "--top", "0"]
    subprocess.run([*command, "-o", path, "-c", code], check=True, timeout=60)
    options = ("--cumulative", "--by", "function", "--filter", "function:walk", "--json")
    content = json.loads(call("top", path, *options).out)
    (walk,) = (entry for entry in content["entries"] if entry["frames"][0]["name"] == "walk")
    assert (walk["size"], walk["count"]) == (content["size"], content["count"])
    assert walk["count"] >= 21


@pytest.mark.parametrize("by", _BYS)
def test_no_place_has_more_than_there_is(call: Caller, tmp_path: Path, by: str) -> None:
    path = dump(tmp_path, "deep.ctm", [_DEEP, _DEEP, _FLAT])
    content = json.loads(call("top", path, "--cumulative", "--by", by, "--json").out)
    sizes = {entry["frames"][0]["filename"]: entry["size"] for entry in content["entries"]}
    main = "main" if by == "module" else "main.py"
    walk = next(name for name in sizes if "walk" in name)
    assert sizes[walk] == 2000
    assert sizes[main] == (2500 if by != "line" else 500)
    less = dump(tmp_path, "less.ctm", [_DEEP])
    content = json.loads(call("diff", less, path, "--cumulative", "--by", by, "--json").out)
    changes = {entry["frames"][0]["filename"]: entry["size_diff"] for entry in content["entries"]}
    assert changes[walk] == 1000


def test_the_table_of_a_report_agrees_with_its_graph() -> None:
    snapshot = Snapshot([_DEEP, _DEEP, _FLAT, (0, 7, (), 0)], 41)
    columns = line_columns(snapshot, None, Labels()).columns
    assert sorted(zip(columns["size"], columns["cumulative"], strict=True)) == [
        (0, 2000),
        (0, 2000),
        (7, 7),
        (500, 500),
        (2000, 2000),
    ]
    assert sum(columns["count"]) == 4


def test_traces_without_frames_have_a_line(call: Caller, tmp_path: Path) -> None:
    path = dump(tmp_path, "some.ctm", [_DEEP, (0, 300, (), 0)])
    for by in _BYS:
        rows = call("top", path, "--cumulative", "--by", by).out.splitlines()
        assert rows[-1].split() == ["300", "B", "1", "300", "B", "23.1%", "<no", "traceback>"]
