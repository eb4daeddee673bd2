"""What libraries report by PyTraceMalloc_Track, and by our own API, is traced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, cast

import ctracemalloc
import pytest
from ctracemalloc import _domains

from .conftest import HERE, Run, build

# How many pairs of calls each of eight threads makes: 10**7 calls take 625,000.
CALLS = int(os.environ.get("CTM_TEST_DOMAIN_CALLS", "20000"))

LINKINGS = {
    "default": [],
    "lazy": ["-Wl,-z,lazy"],
    "sealed": ["-Wl,-z,now", "-Wl,-z,relro"],
    "without_plt": ["-fno-plt", "-Wl,-z,now", "-Wl,-z,relro"],
    "old_hash": ["-Wl,--hash-style=sysv"],
}

LOAD = """
import ctypes, sys
def load(path, kind=ctypes.CDLL):   # which gives the GIL up for each call; PyDLL holds it
    library = kind(path)
    for name in ("report", "report_by_pointer", "report_by_packed_pointer"):
        getattr(library, name).argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
    library.withdraw.argtypes = [ctypes.c_uint, ctypes.c_size_t]
    library.hammer_in_threads.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
    return library
def foreign():
    return sorted(trace[:2] for trace in t._get_traces() if trace[0] not in (0, 389047))
"""


@pytest.fixture(scope="session")
def reporters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reporters")
    return {
        name: str(build("reporter.c", folder / f"{name}.so", *options))
        for name, options in LINKINGS.items()
    }


@pytest.fixture(scope="session")
def client_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("client")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    build("client.c", folder / f"ctm_client{suffix}", f"-I{ctracemalloc.get_include()}", "-std=c99")
    return str(folder)


@pytest.fixture(scope="session")
def film_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the documentation's example of a module in Cython."""
    folder = tmp_path_factory.mktemp("film")
    source = HERE.parents[1] / "docs" / "examples" / "clients" / "film.pyx"
    subprocess.run(
        [sys.executable, "-m", "cython", "-3", str(source), "-o", str(folder / "film.c")],
        check=True,
    )
    target = folder / f"film{sysconfig.get_config_var('EXT_SUFFIX')}"
    build(folder / "film.c", target, f"-I{ctracemalloc.get_include()}", "-Wno-error")
    return str(folder)


# ---- the relay ----


@pytest.mark.parametrize("linking", LINKINGS)
def test_a_library_loaded_before_start(run: Run, reporters: dict[str, str], linking: str) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1])
t.start()
assert library.report(7, 0x1000, 100) == 0
assert library.report_by_pointer(7, 0x2000, 200) == 0
assert foreign() == [(7, 100), (7, 200)], foreign()
assert library.withdraw(7, 0x1000) == 0
assert library.withdraw(7, 0x2000) == 0
assert foreign() == []
""",
        reporters[linking],
    )


@pytest.mark.parametrize("linking", LINKINGS)
def test_a_library_that_has_called_before(
    run: Run, reporters: dict[str, str], linking: str
) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1])
assert library.report(7, 0x1000, 100) == -2   # whoever binds late is bound now
t.start()
assert library.report(7, 0x1000, 100) == 0
assert foreign() == [(7, 100)], foreign()
""",
        reporters[linking],
    )


@pytest.mark.parametrize("linking", LINKINGS)
def test_a_library_loaded_after_start(run: Run, reporters: dict[str, str], linking: str) -> None:
    run(
        LOAD
        + """
t.start()
library = load(sys.argv[1])
assert library.report(7, 0x1000, 100) == 0
assert library.report_by_pointer(8, 0x1000, 200) == 0
assert foreign() == [(7, 100), (8, 200)], foreign()
""",
        reporters[linking],
    )


def test_an_address_across_words_is_told_of_once(run: Run, reporters: dict[str, str]) -> None:
    output = run(
        LOAD
        + """
library = load(sys.argv[1])
for later in sys.argv[2:]:
    t.start()
    assert engine._hooks_info()["relay"][1:] == (1, True), engine._hooks_info()
    assert library.report_by_packed_pointer(7, 0x1000, 100) == -2
    assert load(later).report_by_packed_pointer(7, 0x1000, 100) == 0
    t.stop()   # the next start looks at all of them once more
from ctracemalloc.cli import main
main(["doctor"])
""",
        *reporters.values(),
    )
    assert "is seen; apart from 1 call, whose address cannot be changed" in output


def test_an_address_looked_up_after_start(run: Run) -> None:
    run(
        LOAD
        + """
t.start()
track = ctypes.pythonapi.PyTraceMalloc_Track
track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
assert track(9, 0x3000, 300) == 0
assert foreign() == [(9, 300)], foreign()
"""
    )


def test_results_are_those_of_the_standard_library(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
import tracemalloc
library = load(sys.argv[1])
def calls():
    return library.report(7, 0x1000, 1), library.withdraw(7, 0x1000), library.withdraw(7, 0x1000)
assert calls() == (-2, -2, -2)
t.start()
assert calls() == (0, 0, 0)
t.stop()
assert calls() == (-2, -2, -2)
tracemalloc.start()
assert calls() == (0, 0, 0)
""",
        reporters["default"],
    )


def test_the_interpreters_own_tracer_is_told_as_well(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
import tracemalloc
def theirs():
    return [trace[:2] for trace in tracemalloc._get_traces() if trace[0] == 7]
tracemalloc.start()   # from 3.13 on it takes the one reference tracer: before ours
t.start()
library = load(sys.argv[1])
library.report(7, 0x1000, 100)
assert foreign() == theirs() == [(7, 100)]
library.withdraw(7, 0x1000)
assert foreign() == theirs() == []
library.report(7, 0x1000, 100)
t.stop()
assert theirs() == [(7, 100)]
library.withdraw(7, 0x1000)
assert theirs() == []
""",
        reporters["default"],
    )


def test_stop_forgets_and_a_later_free_is_harmless(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1])
t.start()
library.report(7, 0x1000, 100)
t.stop()
library.withdraw(7, 0x1000)
t.start()
assert foreign() == []
library.withdraw(7, 0x1000)
library.report(7, 0x1000, 5)
assert foreign() == [(7, 5)]
""",
        reporters["default"],
    )


def test_the_last_report_of_an_address_counts(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1])
t.start()
before = t.get_traced_memory()[0]
library.report(7, 0x1000, 50_000_000)
library.report(7, 0x1000, 70_000_000)
library.report(8, 0x1000, 10_000_000)
assert foreign() == [(7, 70_000_000), (8, 10_000_000)]
assert 80_000_000 <= t.get_traced_memory()[0] - before < 81_000_000
""",
        reporters["default"],
    )


def test_a_block_moved_to_another_domain_counts_once(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1])
t.start()
address = native.malloc(RAW, 123_457)
assert traces(123_457)
assert library.withdraw(0, address) == 0
assert library.report(7, address, 123_457) == 0
assert [trace[0] for trace in traces(123_457)] == [7]
native.free(RAW, address)   # the library forgot: its own trace stays until it says so
assert [trace[0] for trace in traces(123_457)] == [7]
library.withdraw(7, address)
assert traces(123_457) == []
assert library.report(0, 0x5000, 123_458) == 0
assert [trace[0] for trace in traces(123_458)] == [0]
""",
        reporters["default"],
    )


def test_a_block_handed_to_another_domain_at_once_was_never_pythons(
    run: Run, reporters: dict[str, str]
) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1], ctypes.PyDLL)
hand_over = library.allocate_and_hand_over
hand_over.argtypes = [ctypes.c_uint, ctypes.c_size_t]
hand_over.restype = ctypes.c_size_t
t.start()
address = hand_over(7, 50_000_000)
for at in ("peak", "churn"):
    sizes = {}
    for domain in (0, 7):
        only = t.take_snapshot(at=at).filter_traces([t.DomainFilter(True, domain)])
        sizes[domain] = sum(line.size for line in only.statistics("lineno"))
    assert sizes[7] == 50_000_000 > 100 * sizes[0], (at, sizes)
library.withdraw(7, address)
native.free(RAW, address)
""",
        reporters["default"],
    )


def test_a_report_where_a_block_was_is_churn_of_its_own(
    run: Run, reporters: dict[str, str]
) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1], ctypes.PyDLL)
library.report_where_a_block_was.argtypes = [ctypes.c_size_t]
t.start()
library.report_where_a_block_was(50_000_000)
churn = t.take_snapshot(at="churn")
assert sum(line.size for line in churn.statistics("lineno")) // 50_000_000 == 2
""",
        reporters["default"],
    )


def test_the_traceback_is_that_of_the_caller(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1])
t.start(5)
def reports():
    library.report(7, 0x1000, 100)
reports()
[trace] = [trace for trace in t._get_traces() if trace[0] == 7]
line = reports.__code__.co_firstlineno
assert [frame[1] for frame in trace[2]] == [line + 1, line + 2], trace
""",
        reporters["default"],
    )


def test_who_asks_the_interpreter_for_a_traceback_gets_ours(run: Run) -> None:
    run(
        LOAD
        + """
import tracemalloc
before = ctypes.pythonapi["_PyTraceMalloc_GetTraceback"]   # an address from before: not ours
tracemalloc.start()
t.start(2)
ask = ctypes.pythonapi["_PyTraceMalloc_GetTraceback"]
for function in (before, ask):
    function.argtypes, function.restype = [ctypes.c_uint, ctypes.c_size_t], ctypes.py_object
def reports():
    t.track(7, 0x1000, 100)
reports()
line = reports.__code__.co_firstlineno
assert ask(7, 0x1000) == (("<string>", line + 1), ("<string>", line + 2)), ask(7, 0x1000)
assert ask(8, 0x1000) is None
assert before(7, 0x1000) is None
t.stop()
ctypes.pythonapi.PyTraceMalloc_Track(7, 0x1000, 100)
assert ask(7, 0x1000) == before(7, 0x1000) != None
"""
    )


def test_threads_without_the_gil_leave_the_right_balance(
    run: Run, reporters: dict[str, str]
) -> None:
    run(
        LOAD
        + """
import threading
library = load(sys.argv[1])
t.start()
threads = 8
worst = []
def call():   # ctypes gives the GIL up; this thread goes on allocating meanwhile
    worst.append(library.hammer_in_threads(7, threads, int(sys.argv[2])))
caller = threading.Thread(target=call)
caller.start()
while caller.is_alive():
    [bytes(1000) for _ in range(1000)]
caller.join()
assert worst == [0]
assert foreign() == [(7, 3)] * 32 * threads
[frames] = {trace[2] for trace in t._get_traces() if trace[0] == 7}
assert frames == (("<unknown>", 0),)
assert t.get_dropped() == 0
for thread in range(1, threads + 1):
    for i in range(0, 64, 2):
        library.withdraw(7, (thread << 20) + 16 * i)
assert foreign() == []
""",
        reporters["default"],
        str(CALLS),
    )


def test_reports_with_the_gil_and_without_it_in_all_mixtures(
    run: Run, reporters: dict[str, str]
) -> None:
    # So many of each in turn that the holder of the GIL, and then the one thread that there is,
    # comes to the tables in each of the ways that there are.
    run(
        LOAD
        + """
detached, attached = load(sys.argv[1]), load(sys.argv[1], ctypes.PyDLL)
t.start(2)
def report_detached(address):
    return detached.report(7, address, 10)
def report_attached(address):
    return attached.report(8, address, 20)
def expected(domain, report, size, count):
    line = report.__code__.co_firstlineno + 1
    return {(domain, size, line): count} if count else {}
def found():
    counts = {}
    for domain, size, frames, *_ in t._get_traces():
        if domain in (7, 8):
            assert len(frames) == 2 and frames[0][0] == "<string>", frames
            key = domain, size, frames[0][1]
            counts[key] = counts.get(key, 0) + 1
    return counts
for with_gil, without, rounds in ((1, 0, 6000), (0, 1, 1500), (1, 1, 1500), (40, 1, 60),
                                  (6000, 1, 3), (1, 40, 60)):
    results = set()
    for number in range(rounds):
        for i in range(without):
            results.add(report_detached(number << 24 | i << 4))
        for i in range(with_gil):
            results.add(report_attached(number << 24 | i << 4))
    assert results == {0}
    assert found() == {
        **expected(7, report_detached, 10, without * rounds),
        **expected(8, report_attached, 20, with_gil * rounds),
    }, (with_gil, without, found())
    for number in range(rounds):   # the other way around
        for i in range(without):
            results.add(attached.withdraw(7, number << 24 | i << 4))
        for i in range(with_gil):
            results.add(detached.withdraw(8, number << 24 | i << 4))
    assert results == {0}
    assert found() == {}
assert t.get_dropped() == 0
""",
        reporters["default"],
    )


def test_reports_while_another_thread_is_inside(run: Run, reporters: dict[str, str]) -> None:
    """A snapshot stays inside for long; those who report meanwhile wait, and nothing is lost."""
    run(
        LOAD
        + """
import threading
detached, attached = load(sys.argv[1]), load(sys.argv[1], ctypes.PyDLL)
t.start()
blocks = [bytes(600) for _ in range(50_000)]
CALLS, KEPT = 20_000, 7
results = {}
def report(library, domain):
    mine = results[domain] = set()
    for i in range(CALLS):
        mine.add(library.report(domain, 16 * i, 1 + i))
        if i >= KEPT:
            mine.add(library.withdraw(domain, 16 * i))
threads = [threading.Thread(target=report, args=(library, domain))
           for domain, library in enumerate([detached, attached] * 2, start=11)]
threads.append(threading.Thread(target=detached.hammer_in_threads, args=(7, 2, CALLS)))
for thread in threads:
    thread.start()
snapshots = 0
while any(thread.is_alive() for thread in threads):
    # Each is of one moment: of the blocks that come and go, no thread has two at once.
    domains = [trace.domain for trace in t.take_snapshot().traces]
    assert all(domains.count(domain) <= KEPT + 1 for domain in range(11, 15))
    snapshots += 1
assert snapshots > 0
assert all(found == {0} for found in results.values()), results
kept = [(domain, 1 + i) for domain in range(11, 15) for i in range(KEPT)]
assert foreign() == sorted([(7, 3)] * 32 * 2 + kept), foreign()
assert t.get_dropped() == 0
""",
        reporters["default"],
    )


def test_a_thread_that_reported_alone_ends(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
import os, threading
detached, attached = load(sys.argv[1]), load(sys.argv[1], ctypes.PyDLL)
t.start()
results = set()
def report(library, domain):
    for i in range(2000):
        results.add(library.report(domain, 16 * i, 10))
        results.add(library.withdraw(domain, 16 * i))
for number in range(5):
    for library in (detached, attached):
        thread = threading.Thread(target=report, args=(library, 7))
        thread.start()
        thread.join()
        assert attached.report(8, number, 10) == 0
        assert detached.report(9, number, 10) == 0
child = os.fork()   # while this thread, or the last one, comes in by a way of its own
report(detached, 7)
thread = threading.Thread(target=report, args=(detached, 7))
thread.start()
thread.join()
right = results == {0} and foreign() == sorted([(8, 10)] * 5 + [(9, 10)] * 5)
if child == 0:
    os._exit(0 if right else 1)
assert os.waitpid(child, 0)[1] == 0
assert right, (results, foreign())
""",
        reporters["default"],
    )


def test_libraries_come_and_go_while_threads_report_and_tracing_starts_and_stops(
    run: Run, reporters: dict[str, str], tmp_path: Path
) -> None:
    # Each a file of its own: the loader maps it anew, mostly where the last one was.
    copies = [tmp_path / f"copy{number}.so" for number in range(3)]
    for copy, linking in zip(copies, LINKINGS, strict=False):
        shutil.copyfile(reporters[linking], copy)
    run(
        LOAD
        + """
import _ctypes, threading
library = load(sys.argv[1])
LOADS, ROUNDS = 300, 3
rounds = 0
results = set()
done = threading.Event()
def come_and_go(number):
    i = 0
    while i < LOADS or rounds < ROUNDS:
        handle = _ctypes.dlopen(sys.argv[2 + number], ctypes.RTLD_LOCAL)
        guest = ctypes.CDLL(None, handle=handle)
        guest.report.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
        guest.withdraw.argtypes = [ctypes.c_uint, ctypes.c_size_t]
        address = (number + 1 << 32) + 16 * i
        results.add(guest.report(7, address, 10))
        results.add(guest.withdraw(7, address))
        _ctypes.dlclose(handle)
        i += 1
def allocate():
    while not done.is_set():
        kept = [bytes(1000) for _ in range(100)]
guests = [threading.Thread(target=come_and_go, args=(number,)) for number in range(3)]
others = [threading.Thread(target=allocate),
          threading.Thread(target=library.hammer_in_threads, args=(8, 2, 100_000))]
for thread in guests + others:
    thread.start()
while any(thread.is_alive() for thread in guests):
    t.start()
    t.take_snapshot()
    t.stop()
    rounds += 1
done.set()
for thread in others:
    thread.join()
assert results <= {0, -2}, results
t.start()
guests = [threading.Thread(target=come_and_go, args=(number,)) for number in range(3)]
results.clear()
for thread in guests:
    thread.start()
for thread in guests:
    thread.join()
assert results == {0}, results
assert foreign() == []
""",
        reporters["default"],
        *map(str, copies),
    )


def test_reports_of_a_forked_child_are_its_own(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
import os
library = load(sys.argv[1])
t.start()
library.report(7, 0x1000, 100)
child = os.fork()
if child == 0:
    library.withdraw(7, 0x1000)
    library.report(7, 0x2000, 200)
    sys.exit(0 if foreign() == [(7, 200)] else 1)
assert os.waitpid(child, 0)[1] == 0
assert foreign() == [(7, 100)]
""",
        reporters["default"],
    )


def test_reports_after_the_interpreters_end(run: Run, reporters: dict[str, str]) -> None:
    """cp#129185, cp#129191: a library's own end comes after the tracer's, traced or stopped."""
    untraced = "import ctypes, sys; assert ctypes.CDLL(sys.argv[1]).report_at_exit() == 0"
    command = [sys.executable, "-c", untraced, reporters["default"]]
    if subprocess.run(command, check=False).returncode != 0:
        pytest.skip("this interpreter's own functions crash after its end (3.13.18 does)")
    for ending in ("", "t.stop()"):
        run(
            LOAD
            + f"""
library = load(sys.argv[1])
assert library.report_at_exit() == 0
t.start()
assert library.report(7, 0x7000, 100) == 0
{ending}
""",
            reporters["default"],
        )


def test_snapshots_filter_by_domain(run: Run, reporters: dict[str, str]) -> None:
    run(
        LOAD
        + """
library = load(sys.argv[1])
t.start()
kept = bytes(1234)
library.report(7, 0x1000, 100)
snapshot = t.take_snapshot()
only = snapshot.filter_traces([t.DomainFilter(True, 7)])
assert [(trace.domain, trace.size) for trace in only.traces] == [(7, 100)]
without = snapshot.filter_traces([t.DomainFilter(False, 7)])
assert {trace.domain for trace in without.traces} == {0}
""",
        reporters["default"],
    )


# ---- our own API ----


def test_a_client_in_c(run: Run, client_folder: str) -> None:
    run(
        LOAD
        + """
sys.path.insert(0, sys.argv[1])
import ctm_client as client
assert client.track(10) == -2 and client.untrack() == -2   # not looked for yet
assert client.find()
assert client.track(10) == -2 and client.untrack() == -2   # not tracing
t.start()
assert client.track(10) == 0
assert foreign() == [(77, 10)]
assert client.track(20) == 0
assert foreign() == [(77, 20)]
assert client.untrack_elsewhere() == 0
assert foreign() == []
assert client.untrack() == 0
""",
        client_folder,
    )


def test_a_client_in_c_where_there_is_no_tracer(run: Run, client_folder: str) -> None:
    run(
        """
import sys
sys.path.insert(0, sys.argv[1])
sys.modules["ctracemalloc"] = None
import ctm_client as client
assert not client.find()
assert client.track(10) == -2 and client.untrack() == -2
""",
        client_folder,
    )


def test_a_client_in_cython(run: Run, film_folder: str) -> None:
    run(
        LOAD
        + """
import threading
sys.path.insert(0, sys.argv[1])
import film
before = film.Picture(100, 100)   # not traced
t.start(2)
def make():
    return film.Picture(640, 480)   # reports while it has given the GIL up
picture = make()
assert foreign() == [(film.DOMAIN, picture.size)] == [(film.DOMAIN, 640 * 480 * 3)], foreign()
[trace] = [trace for trace in t._get_traces() if trace[0] == film.DOMAIN]
line = make.__code__.co_firstlineno
assert [frame[1] for frame in trace[2]] == [line + 1, line + 2], trace
pictures = [make() for _ in range(10)]
thread = threading.Thread(target=pictures.clear)
thread.start()
thread.join()
assert foreign() == [(film.DOMAIN, picture.size)]
del before, picture   # with the GIL
assert foreign() == []
""",
        film_folder,
    )


def test_a_client_in_cython_where_there_is_no_tracer(run: Run, film_folder: str) -> None:
    run(
        """
import sys
sys.path.insert(0, sys.argv[1])
for name in [name for name in sys.modules if name.startswith("ctracemalloc")]:
    sys.modules[name] = None
import film
assert film.Picture(2, 3).size == 18
""",
        film_folder,
    )


def test_a_client_in_python(run: Run) -> None:
    run(
        LOAD
        + """
assert t.track(7, 0x1000, 10) is False
t.start()
assert t.track(7, 0x1000, 10) is True
assert t.track(2**32 - 1, 2**64 - 1, 2**40) is True
assert t.track(0, 0x1000, 11) is True
assert foreign() == [(7, 10), (2**32 - 1, 2**40)]
assert [trace[0] for trace in traces(11)] == [0]
t.untrack(7, 0x1000)
t.untrack(7, 0x1000)
t.untrack(2**32 - 1, 2**64 - 1)
assert foreign() == []
"""
    )


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((2**32, 0, 0), OverflowError, r"domain must be in range \[0; 4294967295\]"),
        ((-1, 0, 0), OverflowError, "negative"),
        ((0, -1, 0), OverflowError, "negative"),
        ((0, 0, 2**64), OverflowError, "too large"),
        (("0", 0, 0), TypeError, "int"),
        ((0, 0), TypeError, "track expected 3 arguments, got 2"),
    ],
)
def test_arguments_that_cannot_be(
    arguments: tuple[int, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        ctracemalloc.track(*arguments)


# ---- names ----


def test_known_domains_have_names() -> None:
    names = [ctracemalloc.domain_name(domain) for domain in (0, 389047, 424242, 414141)]
    assert names == ["python", "numpy", "pandas", "cykhash"]


def test_a_domain_can_be_named() -> None:
    assert ctracemalloc.domain_name(876543) == "domain 876543"
    ctracemalloc.name_domain(876543, "frames of a film")
    assert ctracemalloc.domain_name(876543) == "frames of a film"
    with pytest.raises(ValueError, match="name of domain 876543 must not be empty"):
        ctracemalloc.name_domain(876543, "")


@pytest.mark.parametrize(
    ("domain", "name", "error", "text"),
    [
        ("numpy", 389047, TypeError, "'str' object cannot be interpreted as an integer"),
        ("77", "cache", TypeError, "'str' object cannot be interpreted as an integer"),
        (5.5, "x", TypeError, "'float' object cannot be interpreted as an integer"),
        (-1, "x", OverflowError, r"domain must be in range \[0; 4294967295\], not -1"),
        (2**32, "x", OverflowError, r"domain must be in range \[0; 4294967295\], not 4294967296"),
        (876544, 5, TypeError, "name must be a str, not int"),
        (876544, b"x", TypeError, "name must be a str, not bytes"),
        (876544, None, TypeError, "name must be a str, not NoneType"),
    ],
)
def test_names_that_cannot_be(
    domain: Any, name: Any, error: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(_domains._names)
    monkeypatch.setattr(_domains, "_names", dict(before))
    with pytest.raises(error, match=text):
        ctracemalloc.name_domain(domain, name)
    assert _domains._names == before


def test_files_keep_names_of_any_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Number:
        def __index__(self) -> int:
            return 2**32 - 1

    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "another"

    monkeypatch.setattr(_domains, "_names", {})
    ctracemalloc.name_domain(cast("int", Number()), Text("film"))
    ctracemalloc.name_domain(True, "one")
    assert type(ctracemalloc.domain_name(2**32 - 1)) is str
    assert _domains.given_names({1, 2**32 - 1}) == {"4294967295": "film", "1": "one"}
    snapshot = ctracemalloc.Snapshot([(2**32 - 1, 1, (("a.py", 1),), 1)], 1)
    snapshot.dump(tmp_path / "film.ctm")
    traces = ctracemalloc.Snapshot.load(tmp_path / "film.ctm").traces._traces
    assert traces.about()["domains"] == {"4294967295": "film"}  # type: ignore[union-attr]


def test_the_header_is_installed() -> None:
    assert Path(ctracemalloc.get_include(), "ctracemalloc.h").is_file()
