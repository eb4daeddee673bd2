"""`ctracemalloc info`."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import ctracemalloc
import pytest
from cli_support import NEW_TOTAL, Caller
from ctracemalloc.cli.info import describe
from ctracemalloc.cli.snapshots import open_content


def test_what_is_in_a_file(call: Caller, new: Path) -> None:
    done = call("info", new)
    assert done.status == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert lines["traces"].split(maxsplit=1)[1] == "85.5 KiB in 5 blocks"
    assert lines["stacks"].split(maxsplit=1)[1] == "4, of up to 25 frames"
    assert "numpy (389047): 64.0 KiB in 1 block\n" in done.out


def test_json_says_what_the_program_was(call: Caller, tmp_path: Path) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    ctracemalloc.start(3)
    try:
        kept = [bytes(1000) for _ in range(10)]
        snapshot = ctracemalloc.take_snapshot()
    finally:
        ctracemalloc.stop()
    snapshot.label = {"host": "a", "try": 2}  # type: ignore[attr-defined]
    path = tmp_path / "own.ctm"
    snapshot.dump(path)
    content = json.loads(call("info", path, "--json").out)
    assert content["moment"]["pid"] == os.getpid()
    assert content["count"] == len(snapshot.traces) >= len(kept)
    assert content["traceback_limit"] == 3
    assert content["file_bytes"] == path.stat().st_size
    assert content["attributes"] == {"label": {"host": "a", "try": 2}}
    assert "label" in call("info", path).out


def test_a_pickle_of_the_standard_library(call: Caller, tmp_path: Path) -> None:
    path = tmp_path / "stdlib.pickle"
    code = (
        "import sys, tracemalloc\ntracemalloc.start(2)\nx = bytes(5000)\n"
        "tracemalloc.take_snapshot().dump(sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code, path], check=True, timeout=60)
    assert path.read_bytes()[:1] == pickle.PROTO
    content = json.loads(call("info", path, "--json").out)
    assert content["size"] >= 5000
    assert content["traceback_limit"] == 2


def test_numbers_agree_with_top(call: Caller, new: Path) -> None:
    info = json.loads(call("info", new, "--json").out)
    assert info["size"] == NEW_TOTAL
    assert sum(domain["size"] for domain in info["domains"]) == NEW_TOTAL
    assert [domain["name"] for domain in info["domains"]] == ["python", "numpy", "cykhash"]


@pytest.mark.parametrize("domains", [[0], [0, 7]])
def test_deep_stacks_are_counted_and_not_made(tmp_path: Path, domains: list[int]) -> None:
    if tracemalloc.is_tracing() or ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    path = tmp_path / "deep.ctm"
    frames = [("a.py", line) for line in range(1500)]
    traces = [
        (domains[size % len(domains)], size, tuple(frames[size % 1000 :]), 2000)
        for size in range(1500)
    ]
    ctracemalloc.Snapshot(traces, 1500).dump(path)
    read = open_content(str(path))
    tracemalloc.start()
    try:
        content = describe(str(path), read)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert content["stacks"] == 1000
    # A pointer for each frame of each stack would be 8 MB.
    assert peak < 2**20


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({(1, 2): 3}, {"(1, 2)": 3}),
        ({b"a": (b"b", None)}, {"b'a'": ["b'b'", None]}),
        ({1: 2, "1": 3}, {"1": 2, "'1'": 3}),
        ([1 << 20000, -(1 << 20000)], [hex(1 << 20000), hex(-(1 << 20000))]),
        ({(1 << 20000,): True}, {str([hex(1 << 20000)]): True}),
        ([float("nan"), float("-inf"), 1.5], ["nan", "-inf", 1.5]),
    ],
)
def test_any_attribute_is_shown(call: Caller, tmp_path: Path, value: Any, expected: Any) -> None:
    snapshot = ctracemalloc.Snapshot([], 1)
    snapshot.note = value  # type: ignore[attr-defined]
    snapshot.dump(tmp_path / "odd.ctm")
    done = call("info", tmp_path / "odd.ctm", "--json")
    assert done.status == 0
    assert json.loads(done.out)["attributes"] == {"note": expected}
    assert "attribute note" in call("info", tmp_path / "odd.ctm").out
