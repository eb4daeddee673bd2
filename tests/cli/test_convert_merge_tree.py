"""`ctracemalloc convert`, `merge` and `tree`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import ctracemalloc
import pytest
from cli_support import LOAD, NEW_TOTAL, OLD_TOTAL, Caller, dump
from ctracemalloc import Snapshot

_READ = """\
import json, sys, tracemalloc
snapshot = tracemalloc.Snapshot.load(sys.argv[1])
assert tracemalloc.__file__.endswith("tracemalloc.py"), tracemalloc.__file__
assert "ctracemalloc" not in sys.modules
statistics = snapshot.statistics("traceback")
print(json.dumps([snapshot.traceback_limit, [str(s) for s in statistics], vars(snapshot)["label"]]))
"""


def test_the_standard_library_opens_what_was_converted(
    call: Caller, new: Path, tmp_path: Path
) -> None:
    ours = Snapshot.load(new)
    ours.label = "web"  # type: ignore[attr-defined]
    ours.dump(new)
    target = tmp_path / "new.pickle"
    assert call("convert", new, "-o", target) == (0, "", "")
    command = [sys.executable, "-I", "-S", "-c", _READ, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    expected = [str(statistic) for statistic in ours.statistics("traceback")]
    assert json.loads(done.stdout) == [25, expected, "web"]


def test_a_dump_comes_back_equal(call: Caller, new: Path, tmp_path: Path) -> None:
    dump, back = tmp_path / "new.pickle", tmp_path / "back.ctm"
    assert call("convert", new, "-o", dump).status == 0
    assert call("convert", dump, "-o", back).status == 0
    assert back.read_bytes()[:4] == b"\x89CTM"
    assert Snapshot.load(back).traces == Snapshot.load(new).traces
    assert call("convert", back, "--to", "ctm", "-o", back, "--force").status == 0
    assert Snapshot.load(back).traces == Snapshot.load(new).traces


def test_a_peak_is_no_dump(call: Caller, tmp_path: Path) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    path = tmp_path / "peak.ctm"
    ctracemalloc.start()
    try:
        ctracemalloc.take_snapshot(at="peak").dump(path)
    finally:
        ctracemalloc.stop()
    done = call("convert", path, "-o", tmp_path / "x")
    assert done.status == 1
    assert "knows no single blocks" in done.err
    assert not (tmp_path / "x").exists()


def test_merge_adds_up(call: Caller, old: Path, new: Path, tmp_path: Path) -> None:
    target = tmp_path / "all.ctm"
    assert call("merge", old, new, new, "-o", target) == (0, "", "")
    merged = Snapshot.load(target)
    assert sum(trace.size for trace in merged.traces) == OLD_TOTAL + 2 * NEW_TOTAL
    assert call("merge", old, tmp_path / "none", "-o", tmp_path / "y").status == 1
    assert not (tmp_path / "y").exists()


_DUMP = """\
import sys, tracemalloc
tracemalloc.Snapshot([(0, 2**62, (("app/load.py", 7),), 1)] * 2, 1).dump(sys.argv[1])
"""


def test_sizes_that_no_file_can_hold_together(call: Caller, tmp_path: Path) -> None:
    half = dump(tmp_path, "half.ctm", [(0, 2**62, (LOAD,), 1)])
    pickled = tmp_path / "both.pickle"
    subprocess.run([sys.executable, "-I", "-S", "-c", _DUMP, pickled], check=True, timeout=60)
    target = tmp_path / "all.ctm"
    for told in (("merge", half, half), ("convert", pickled)):
        done = call(*told, "-o", target)
        assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
        assert done.err.startswith(f"ctracemalloc {told[0]}: cannot write {target}: ")
        assert "add up to 2^63 or more" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both.pickle", "half.ctm"]


def test_the_tree(call: Caller, new: Path) -> None:
    done = call("tree", new)
    assert done.out.splitlines() == [
        f"{new}: 85.5 KiB in 5 blocks",
        "    size  blocks   share  line",
        "85.5 KiB       4  100.0%  app/main.py:1",
        "64.0 KiB       1   74.9%    app/[red]new.py:9",
        "21.5 KiB       3   25.1%    app/load.py:7",
        "20.5 KiB       2   24.0%      app/parse.py:20",
        "                          1 frame not shown (--min-share, --depth)",
    ]


def test_the_inverted_tree_and_its_depth(call: Caller, new: Path, empty: Path) -> None:
    lines = call("tree", new, "--inverted", "--by", "file").out.splitlines()
    assert lines[2].endswith("  app/[red]new.py")
    assert lines[3].endswith("    app/main.py")
    lines = call("tree", new, "--depth", "1", "--min-share", "0%").out.splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["app/main.py:1", r"app/\x1b[31m.py:2"]
    assert lines[4].split()[0] == "3"
    assert call("tree", empty).out == f"{empty}: the snapshot has no traces\n"
    assert call("tree", new, "--min-share", "200").status == 2


@pytest.mark.parametrize("kind", ["peak", "churn"])
def test_the_tree_says_what_it_is_of(call: Caller, tmp_path: Path, kind: str) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    path = tmp_path / "x.ctm"
    ctracemalloc.start()
    try:
        del [bytes(3_000_000)][0]
        ctracemalloc.take_snapshot(at=kind).dump(path)
    finally:
        ctracemalloc.stop()
    for arguments in ((), ("--filter", "*test_convert_merge_tree*")):
        head = call("tree", path, *arguments).out.splitlines()[0]
        assert head.startswith(f"{path}: {kind} of 2930 KiB in ")
