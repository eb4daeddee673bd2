"""`ctracemalloc diff`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import ctracemalloc
import pytest
from cli_support import NEW_TOTAL, OLD_TOTAL, Caller, on_terminal


def test_the_plain_table(call: Caller, old: Path, new: Path) -> None:
    done = call("diff", old, new, "--limit", "3")
    assert done.status == 0
    assert done.out.splitlines() == [
        f"{old} -> {new}: 6608 B -> 85.5 KiB (+79.0 KiB), 4 -> 5 blocks (+1)",
        "   change      size  blocks        line",
        "+64.0 KiB  64.0 KiB      +1   new  app/[red]new.py:9",
        "+20.0 KiB  20.5 KiB      +1        app/parse.py:20",
        "  -4096 B       0 B      -1  gone  app/gone.py:3",
        "   -992 B    1008 B      +0        2 others",
    ]


def test_json(call: Caller, old: Path, new: Path) -> None:
    content = json.loads(call("diff", old, new, "--json").out)
    assert (content["old_size"], content["new_size"]) == (OLD_TOTAL, NEW_TOTAL)
    assert content["entries"][2] == {
        "size": 0,
        "size_diff": -4096,
        "count": 0,
        "count_diff": -1,
        "mark": "gone",
        "is_exact": True,
        "frames": [{"filename": "app/gone.py", "lineno": 3, "name": ""}],
    }
    changes = [entry["size_diff"] for entry in content["entries"]]
    assert sum(changes) == NEW_TOTAL - OLD_TOTAL


@pytest.mark.parametrize(
    ("order", "last"), [("growth", -4096), ("change", 8), ("size", -4096), ("count", 8)]
)
def test_orders(call: Caller, old: Path, new: Path, order: str, last: int) -> None:
    content = json.loads(call("diff", old, new, "--json", "--sort", order).out)
    assert content["entries"][-1]["size_diff"] == last


def test_equal_snapshots(call: Caller, new: Path) -> None:
    done = call("diff", new, new, "--fail-if-growth", "0")
    assert done.status == 0
    assert done.out.splitlines()[1:] == ["nothing grew, nothing shrank"]


def test_growth_over_the_allowed_one_fails(call: Caller, old: Path, new: Path) -> None:
    growth = NEW_TOTAL - OLD_TOTAL
    assert call("diff", old, new, "--fail-if-growth", str(growth)).status == 0
    done = call("diff", old, new, "--fail-if-growth", str(growth - 1))
    assert done.status == 1
    assert done.err == "ctracemalloc diff: memory grew by 79.0 KiB, more than 79.0 KiB\n"
    assert call("diff", new, old, "--fail-if-growth", "0").status == 0
    only = ("--filter", "*/parse.py", "--fail-if-growth")
    assert call("diff", old, new, *only, "20KiB").status == 0
    assert call("diff", old, new, *only, "19.9k").status == 1


def test_growth_and_shrinkage_have_colours(old: Path, new: Path) -> None:
    text = on_terminal("diff", old, new, columns=100)
    assert "\x1b[31m+64.0 KiB" in text
    assert "\x1b[34m  -4096 B" in text or "\x1b[34m-4096 B" in text


def test_snapshots_of_different_kinds_do_not_compare(call: Caller, tmp_path: Path) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    ctracemalloc.start()
    try:
        kept = [bytes(1000) for _ in range(10)]
        for kind in ("live", "peak", "churn"):
            at = {} if kind == "live" else {"at": kind}
            ctracemalloc.take_snapshot(**at).dump(tmp_path / f"{kind}.ctm")
    finally:
        ctracemalloc.stop()
    live, peak, churn = (tmp_path / f"{kind}.ctm" for kind in ("live", "peak", "churn"))
    assert len(kept) == 10
    heads = [call("diff", *pair).out.splitlines()[0] for pair in ((live, peak), (churn, churn))]
    assert re.search(r"peak\.ctm: [0-9.]+ KiB -> peak of [0-9.]+ KiB \(", heads[0]), heads
    assert re.search(r"\.ctm: churn of ([0-9.]+ KiB) -> churn of \1 \(\+0 B\)", heads[1]), heads
    content = json.loads(call("diff", live, peak, "--json").out)
    assert (content["old_kind"], content["new_kind"]) == ("live", "peak")
    line = f"{live} is of live blocks, {churn} of the churn: they do not compare\n"
    assert call("diff", live, churn) == (1, "", f"ctracemalloc diff: {line}")
    assert call("report", live, churn) == (1, "", f"ctracemalloc report: {line}")
    line = f"{peak} is of the peak, {churn} of the churn: they do not compare\n"
    assert call("diff", peak, churn) == (1, "", f"ctracemalloc diff: {line}")
    line = f"{churn} is of the churn, {peak} of the peak: they do not compare\n"
    assert call("report", churn, peak, live) == (1, "", f"ctracemalloc report: {line}")
