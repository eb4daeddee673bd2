"""Which statistics of a churn say that they may be wrong, once stacks were given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import io, pickle
import ctracemalloc
from ctracemalloc import Filter, Snapshot, _engine

ctracemalloc.start({nframe}, churn_lines={limit})
HAS_CALLERS = {nframe} > 1
kept = []

def call(name, lines):
    scope = {{}}
    source = "def leaf():\\n" + lines + "def root():\\n    return leaf()\\n"
    exec(compile(source, name, "exec"), scope)
    return scope, scope["root"]()

def run(name, lines):
    # Lines that allocate once; then the code is gone.
    call(name, "    bytes(1000)\\n" * lines)

def keep(name):
    kept.append(call(name, "    return bytes(1000)\\n"))

def take(kind="churn"):
    return ctracemalloc.take_snapshot(at=kind)

def by(snapshot, key_type, cumulative=False):
    statistics = snapshot.statistics(key_type, cumulative)
    # What they say of themselves is no part of their value.
    assert statistics == snapshot._statistics(key_type, cumulative)
    return {{s.is_exact for s in statistics}}

def compare(new, old, key_type, cumulative=False):
    diffs = new.compare_to(old, key_type, cumulative)
    assert diffs == new._compare_to(old, key_type, cumulative)
    return diffs

def folded_of(snapshot):
    # Of no other stack the number of frames is unknown.
    rows = snapshot.traces._traces.rows()
    return {{frames[0] for (_, _, frames, total), _ in rows if total is None}}

def saved(snapshot):
    file = io.BytesIO()
    snapshot.dump(file)
    return Snapshot.load(io.BytesIO(file.getvalue()))

KEYS = [(key, False) for key in ("lineno", "filename", "module", "function", "traceback")]
KEYS += [(key, True) for key in ("lineno", "filename", "module", "function")]
keep("/kept/a.py")
first = take()
"""

# Everything is known by its line at least.
BY_LINE = (
    PROGRAM
    + """
assert not folded_of(first)
assert all(by(first, *key) == {{True}} for key in KEYS)
for number in range(10):
    run(f"/srv/{{number}}.py", 20_000)
    if _engine._tables_info()["folded_lines"]:
        break
churn = take()
folded = folded_of(churn)
files = {{filename for filename, _ in folded}}
assert churn.is_exact and any(name.startswith("/srv/") for name in files), files
assert "/kept/a.py" not in files

def expected(statistic, key_type, cumulative):
    frame = statistic.traceback[-1]
    if cumulative and HAS_CALLERS:
        return False
    if key_type == "function":
        return frame.filename not in files
    if key_type == "traceback" and HAS_CALLERS:
        return (frame.filename, frame.lineno) not in folded
    return True

same = [saved(churn), pickle.loads(pickle.dumps(churn)), Snapshot.merge(churn, first)]
for snapshot in (churn, *same):
    for key in KEYS if snapshot is churn else KEYS[3:6]:
        for statistic in snapshot.statistics(*key):
            assert statistic.is_exact == expected(statistic, *key), (statistic, key)
assert by(churn, "function") == {{True, False}}
assert by(churn, "traceback") == ({{True, False}} if HAS_CALLERS else {{True}})
assert by(churn, "lineno", True) == {{not HAS_CALLERS}}

# A difference is as exact as both its sides, also where one has no such place.
for new, old in ((churn, first), (first, churn)):
    for key in KEYS:
        for diff in compare(new, old, *key):
            assert diff.is_exact == expected(diff, *key), (diff, key)
assert all(d.is_exact for key in KEYS for d in compare(first, first, *key))
for statistics in (churn.statistics("function"), first.compare_to(churn, "function")):
    copies = pickle.loads(pickle.dumps(statistics))
    assert copies == statistics
    exact = [s.is_exact for s in copies]
    assert exact == [s.is_exact for s in statistics] and set(exact) == {{True, False}}
# A trace made by hand may be without any frame.
bare = Snapshot([(0, 8, (), None)], 1)
for key_type in ("lineno", "function", "traceback"):
    (diff,) = [d for d in compare(bare, churn, key_type) if len(d.traceback) == 0]
    assert diff.is_exact
live = take("now")
assert all(d.is_exact for key in KEYS for d in compare(live, live, *key))

# By what a filter looks at it is known whether it left out anything that counts.
by_file = churn.filter_traces([Filter(True, "/kept/*")])
assert all(by(by_file, *key) == {{True}} for key in KEYS)
for looks_further in (
    Filter(True, "/kept/*", all_frames=True),
    Filter(True, "*", function_pattern="leaf"),
    Filter(False, "*", function_pattern="root"),
):
    some = churn.filter_traces([looks_further])
    is_known = looks_further.function_pattern is None and not HAS_CALLERS
    fewer = some.filter_traces([Filter(True, "/kept/*")])
    for snapshot in (some, saved(some), some.filter_traces([]), fewer):
        assert by(snapshot, "lineno") == {{is_known}}, looks_further
# Nothing was left to leave out.
leaves = by_file.filter_traces([Filter(True, "*", function_pattern="leaf")])
assert by(leaves, "lineno", True) == {{True}}
assert by(Snapshot.merge(by_file, some), "lineno") == {{False}}

ctracemalloc.reset_churn()
keep("/kept/b.py")
again = take()
assert not folded_of(again)
assert all(by(again, *key) == {{True}} for key in KEYS)
print("ok")
"""
)

# Lines are too many, and so are files.
BY_LESS = (
    PROGRAM
    + """
for number in range(30_000):
    run(f"/srv/{{number}}.py", 5)
    if number % 1000 == 0 and any(name == "<given back>" for name, _ in folded_of(take())):
        break
churn = take()
assert not churn.is_exact
for key in KEYS:
    assert by(churn, *key) == {{False}}, key
    assert not any(d.is_exact for d in compare(churn, first, *key))
# What was left out may belong to any file.
some = churn.filter_traces([Filter(True, "/kept/*")])
assert by(some, "filename") == {{False}}
print("ok")
"""
)


# Much was given back of one domain, nothing of another one whose blocks are of the same files.
BY_DOMAIN = (
    PROGRAM
    + """
from ctracemalloc import DomainFilter

def shared(name, count):
    scope = {{"track": ctracemalloc.track}}
    source = "def leaf():\\n    track(77, 1000 + {{}}, 10)\\n".format(count)
    exec(compile(source, name, "exec"), scope)
    scope["leaf"]()
    kept.append(scope)

for number in range(300):
    shared(f"/srv/{{number}}.py", number)
for number in range({files}):
    run(f"/srv/{{number}}.py", 300 if number < 300 else 5)
    if number % 1000 == 0 and any(name == "<given back>" for name, _ in folded_of(take())):
        break
for number in range(300):
    run(f"/junk/{{number}}.py", 300)
churn = take()
assert not churn.is_exact
files = {{filename for filename, line in folded_of(churn) if line == 0}}
given_back = "<given back>" in files
assert given_back == ({files} > 300)
assert given_back or any(name.startswith("/srv/") for name in files)
assert by(churn, "lineno") >= {{False}}

# What the other domain lacks is none of this one's.
its_own = [
    [DomainFilter(True, 77)],
    [DomainFilter(False, 0)],
    [Filter(True, "/srv/*", domain=77)],
    [Filter(True, "*", function_pattern="leaf", domain=77)],
    [DomainFilter(False, 0), Filter(True, "/srv/*", all_frames=True)],
    [DomainFilter(False, 0), Filter(False, "/junk/*", lineno=2)],
]
for filters in its_own:
    some = churn.filter_traces(filters)
    for snapshot in (some, saved(some)):
        assert sum(s.count for s in snapshot.statistics("lineno")) == 300
        assert all(by(snapshot, *key) == {{True}} for key in KEYS), filters
only = churn.filter_traces([DomainFilter(True, 77)])
for filters in its_own:
    assert all(by(only.filter_traces(filters), *key) == {{True}} for key in KEYS), filters

# A line is one of all domains, though nothing but this one's may be left of it.
for filters in (
    [Filter(True, "/srv/*", lineno=2)],
    [Filter(True, "/srv/*", function_pattern="leaf")],
    [Filter(False, "*", lineno=0)],
    [DomainFilter(True, 77), Filter(True, "/srv/*", lineno=2)],
):
    some = churn.filter_traces(filters)
    assert 77 in some.traces._traces.domains()
    assert by(some, "lineno") == {{False}}, filters
    assert not any(diff.is_exact for diff in compare(churn, some, "lineno"))
# What is known by its file may be of a line that was left out.
some = churn.filter_traces([Filter(False, "/srv/*", lineno=2)])
assert by(some, "filename") == {{False}}
# Where nothing is left, nothing that was given back need be missing to be unknown.
none = churn.filter_traces([Filter(True, "/srv/*", lineno=5000)])
assert not none.statistics("lineno")
assert not any(diff.is_exact for diff in compare(churn, none, "lineno"))

# All that a file has of a domain is left out on purpose, as far as files are known.
some = churn.filter_traces([Filter(False, "/srv/*", domain=0), Filter(False, "/junk/*")])
theirs = [s for s in some.statistics("lineno") if s.traceback[0].filename.startswith("/srv/")]
assert len(theirs) == 300
assert {{s.is_exact for s in theirs}} == {{not given_back}}
print("ok")
"""
)


def run_to_ok(source: str) -> None:
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "ok"), done.stderr


@pytest.mark.parametrize("nframe", [1, 25])
def test_what_is_known_by_its_line(nframe: int) -> None:
    run_to_ok(BY_LINE.format(nframe=nframe, limit=1 << 20))


@pytest.mark.parametrize("nframe", [1, 25])
def test_what_is_known_by_less_than_its_file(nframe: int) -> None:
    run_to_ok(BY_LESS.format(nframe=nframe, limit=0))


@pytest.mark.parametrize("files", [300, 30_000])
@pytest.mark.parametrize("nframe", [1, 25])
def test_what_another_domain_lacks(nframe: int, files: int) -> None:
    run_to_ok(BY_DOMAIN.format(nframe=nframe, limit=0, files=files))
