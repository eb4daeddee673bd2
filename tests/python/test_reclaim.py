"""A long service: what belongs to no live stack is given back."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import ctracemalloc
import pytest

SERVICE = """
import ctracemalloc
from ctracemalloc import Filter, _engine

ctracemalloc.start({nframe})
kept = []
made = 0

def request(number):
    # A new file, code object and stack each time, as templates make them.
    source = "def render(depth):\\n"
    source += "    if depth:\\n        return render(depth - 1)\\n"
    source += "    return [bytes(100), 'x' * 50]\\n"
    source += "page = render(5)\\n"
    scope = {{}}
    exec(compile(source, f"/templates/{{number}}.html", "exec"), scope)
    return scope["page"][0]

largest = []
for number in range({requests}):
    page = request(number)
    if number % 1000 == 0:
        kept.append(page)
    if number % 2000 == 1999:
        largest.append(_engine._tables_info()["nodes"])

info = _engine._tables_info()
assert info["reclaims"] >= 1, info
assert max(largest) < 80_000, largest

# What is live has its own stack still; of what is gone the churn is known by line.
live = ctracemalloc.take_snapshot().filter_traces([Filter(True, "/templates/*")])
lines = {{s.traceback[0].filename for s in live.statistics("lineno")}}
for number in range(0, {requests}, 1000):
    assert f"/templates/{{number}}.html" in lines, number
churn = ctracemalloc.take_snapshot(at="churn")
rendered = [s for s in churn.filter_traces([Filter(True, "/templates/*", 4)]).statistics("lineno")]
if ctracemalloc.is_churn_exact():
    # The list, the bytes and the text, though the interpreter may reuse the list's block.
    assert len(rendered) == {requests}, len(rendered)
    assert sum(s.count for s in rendered) >= 2 * {requests}
total = sum(s.count for s in churn.statistics("traceback"))
assert total > 10 * {requests}
print("ok")
"""


def run_to_ok(source: str, *arguments: str) -> None:
    command = [sys.executable, "-c", source, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "ok"), done.stderr


@pytest.mark.parametrize(("nframe", "requests"), [(1, 18_000), (25, 8_000)])
def test_a_service_that_makes_ever_new_code(nframe: int, requests: int) -> None:
    run_to_ok(SERVICE.format(nframe=nframe, requests=requests))


BOUND = """
import ctracemalloc
from ctracemalloc import Filter

ctracemalloc.start()
assert ctracemalloc.is_churn_exact()

def run(number, lines):
    # A file each, whose lines allocate once; then its code is gone.
    exec(compile("bytes(1000)\\n" * lines, f"/srv/{number}.py", "exec"))

files = 0
while ctracemalloc.is_churn_exact():
    assert files < 10, "65,536 lines are the bound"
    run(files, 40_000)
    files += 1
assert files >= 2

churn = ctracemalloc.take_snapshot(at="churn")
ours = churn.filter_traces([Filter(True, "/srv/*"), Filter(True, "<given back>")])
by_line = [s for s in ours.statistics("lineno") if s.traceback[0].lineno != 0]
by_file = [s for s in ours.statistics("lineno") if s.traceback[0].lineno == 0]
assert len(by_line) >= 65_536, len(by_line)
assert by_file, "what was too much is known by file"
# Not a block is missing: of each line as many as of any other, two on 3.14.
of_a_line, left_over = divmod(sum(s.count for s in ours.statistics("lineno")), files * 40_000)
assert of_a_line >= 1 and left_over == 0, (of_a_line, left_over)
assert sum(s.size for s in ours.statistics("lineno")) >= files * 40_000 * 1000
live = ctracemalloc.take_snapshot().filter_traces([Filter(True, "/srv/*")])
# A free list of the interpreter may keep the block of a small object.
assert len(live.traces) <= 1 and all(trace.size < 1000 for trace in live.traces)

ctracemalloc.reset_churn()
assert ctracemalloc.is_churn_exact()
after = ctracemalloc.take_snapshot(at="churn").filter_traces([Filter(True, "/srv/*")])
assert not after.statistics("lineno")
print("ok")
"""


FEWER = """
import copy, pickle, sys
import ctracemalloc
from ctracemalloc import Filter, Snapshot

ctracemalloc.start(churn_lines={limit})
OURS = [Filter(True, "/srv/*"), Filter(True, "<given back>")]

def run(number):
    exec(compile("bytes(1000)\\n" * 40_000, f"/srv/{{number}}.py", "exec"))

def look(files):
    churn = ctracemalloc.take_snapshot(at="churn")
    ours = churn.filter_traces(OURS)
    # Of stacks that are not given back yet the number of frames is known.
    folded = [t for t, _ in ours.traces._traces.rows() if t[3] is None]
    lines = {{frames[0] for _, _, frames, _ in folded if frames[0][1] != 0}}
    assert len(lines) == {limit}, len(lines)
    of_a_line, left_over = divmod(sum(s.count for s in ours.statistics("lineno")), files * 40_000)
    assert of_a_line >= 1 and left_over == 0, (of_a_line, left_over)
    return churn

files = 0
exact_before = ctracemalloc.take_snapshot(at="churn")
while ctracemalloc.is_churn_exact():
    assert ctracemalloc.take_snapshot(at="churn").is_exact
    assert files < 4
    run(files)
    files += 1
churn = look(files)

ctracemalloc.take_snapshot(at="churn").dump(sys.argv[1])
inexact = [churn, churn.filter_traces(OURS), Snapshot.load(sys.argv[1]), copy.copy(churn)]
inexact += [pickle.loads(pickle.dumps(churn)), Snapshot.merge(churn, churn)]
inexact += [ctracemalloc.take_snapshot(at="reuse")]

def exactness(snapshot, key_type, cumulative=False):
    statistics = snapshot.statistics(key_type, cumulative)
    assert statistics == snapshot._statistics(key_type, cumulative)
    return {{(s.traceback[-1].filename, s.traceback[-1].lineno): s.is_exact for s in statistics}}

by_line = exactness(churn, "lineno")
left_over = {{name for name, line in by_line if line == 0}}
assert left_over and "<given back>" not in left_over, left_over
assert {{name for (name, _), exact in by_line.items() if not exact}} == left_over
assert set(by_line.values()) == {{True, False}}
assert set(exactness(churn, "traceback").values()) == {{True, False}}
assert set(exactness(churn, "filename").values()) == {{True}}
assert set(exactness(churn, "module").values()) == {{True}}
# With one frame there are no callers.
assert exactness(churn, "lineno", True) == by_line
diffs = churn.compare_to(exact_before, "lineno")
assert diffs == churn._compare_to(exact_before, "lineno", False)
assert {{d.traceback[-1].filename for d in diffs if not d.is_exact}} == left_over
# What is gone as a whole is missed nowhere else.
others = churn.filter_traces([Filter(False, name) for name in left_over])
assert set(exactness(others, "lineno").values()) == {{True}}
# What a filter leaves of one line does not tell of its file.
name, line = next(place for place in by_line if place[0] in left_over and place[1] != 0)
one = churn.filter_traces([Filter(True, name, line)])
assert exactness(one, "lineno") == {{(name, line): False}}
pickled = pickle.loads(pickle.dumps(churn.statistics("lineno")))
assert pickled == churn.statistics("lineno")
assert [s.is_exact for s in pickled] == [s.is_exact for s in churn.statistics("lineno")]
assert repr(pickled[0]).startswith("<Statistic ")
assert all(s.is_exact for s in ctracemalloc.take_snapshot().statistics("lineno"))
assert [snapshot.is_exact for snapshot in inexact] == [False] * len(inexact), inexact
assert ctracemalloc.take_snapshot().is_exact
assert ctracemalloc.take_snapshot(at="peak").is_exact

ctracemalloc.clear_traces()
assert ctracemalloc.is_churn_exact()
exact = ctracemalloc.take_snapshot(at="churn")
assert exact.is_exact
assert not Snapshot.merge(exact, churn).is_exact
for number in range(files):
    run(number)
look(files)
print("ok")
"""


def test_churn_beyond_the_bound_is_known_by_file() -> None:
    run_to_ok(BOUND)


@pytest.mark.parametrize("limit", [0, 1, 100])
def test_the_bound_is_an_option_that_clear_traces_keeps(limit: int, tmp_path: Path) -> None:
    run_to_ok(FEWER.format(limit=limit), str(tmp_path / "churn.ctm"))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-1, ValueError, "churn_lines must be in range [0; 16777216]"),
        (2**24 + 1, ValueError, "churn_lines must be in range [0; 16777216]"),
        (2**70, ValueError, "churn_lines must be in range [0; 16777216]"),
        (1.0, TypeError, "churn_lines must be an int, not float"),
        (None, TypeError, "churn_lines must be an int, not NoneType"),
    ],
)
def test_what_is_no_bound(value: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        ctracemalloc.start(churn_lines=value)  # type: ignore[arg-type]
    assert not ctracemalloc.is_tracing()
