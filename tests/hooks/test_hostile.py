"""Programs that make it hard: at any moment, in any place, under anybody else's tools.

Every body runs in an interpreter of its own; see conftest.py for the names it finds.
"""

from __future__ import annotations

import ctypes.util
import subprocess
import sys

import pytest

from .conftest import Run

BALANCED = """
def balanced(size, count):
    before = len(traces(size))
    blocks = [native.malloc(i % 3, size) for i in range(count)]
    assert len(traces(size)) == before + count, (size, before, len(traces(size)))
    for i, block in enumerate(blocks):
        native.free(i % 3, block)
    assert len(traces(size)) == before, (size, before, len(traces(size)))
"""


def test_python_tracing_functions_in_the_way(run: Run) -> None:
    run(
        BALANCED
        + """
import sys
seen = []
def tracing(frame, event, argument):
    seen.append((event, frame.f_lineno))
    native.free(OBJ, native.malloc(OBJ, 4_001))
    return tracing
t.start(25)
sys.settrace(tracing)
sys.setprofile(lambda frame, event, argument: seen.append(event))
balanced(4_003, 300)
sys.settrace(None)
sys.setprofile(None)
assert len(seen) > 600 and not traces(4_001)
"""
    )


def test_collector_in_every_place(run: Run) -> None:
    """dd#14550: a collection in the middle of a realloc; weakrefs and finalizers that allocate."""
    run(
        BALANCED
        + """
import gc, weakref
t.start(10)
class Node:
    def __init__(self): self.me = self
    def __del__(self): self.kept = [bytes(3_001) for _ in range(3)]
gc.set_threshold(1, 1, 1)
references = []
grown = []
for i in range(2_000):
    node = Node()
    references.append(weakref.ref(node, lambda reference: [object() for _ in range(3)]))
    grown.append(i)  # reallocated while the collector runs
    if i % 50 == 0:
        t.take_snapshot()
balanced(3_007, 60)
gc.set_threshold(0)
del node
gc.collect()
assert not traces(3_001 + bytes().__sizeof__())
"""
    )


def test_recursion_to_the_limit(run: Run) -> None:
    """Stacks as deep as they go; total_nframe is the whole depth, the error is the program's."""
    run("""
        import sys
        t.start(25)
        deepest = 0
        def down(n):
            global deepest
            deepest = n
            block = native.malloc(OBJ, 2_003)
            try:
                down(n + 1)
            finally:
                native.free(OBJ, block)
        for limit in (200, 1_000, 5_000):
            sys.setrecursionlimit(limit)
            try:
                down(0)
            except RecursionError:
                pass
            assert deepest > limit / 2, (deepest, limit)
            assert not traces(2_003)
        def at(n):
            return at(n - 1) if n else native.malloc(OBJ, 2_011)
        at(4_000)
        [trace] = traces(2_011)
        assert trace[3] == 4_002 and len(trace[2]) == 25, trace[3]
    """)


def test_signals_at_any_moment(run: Run) -> None:
    """A handler runs between two instructions, an interval timer's signals in hooks as well."""
    run(
        BALANCED
        + """
import signal
calls = 0
def handler(number, frame):
    global calls
    calls += 1
    [bytes(1_000) for _ in range(5)]
    if calls % 7 == 0:
        t.get_traced_memory()
signal.signal(signal.SIGALRM, handler)
t.start(5)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for _ in range(30):
    balanced(5_003, 200)
while calls < 50:
    balanced(5_003, 20)
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    )


def test_generators_of_all_kinds(run: Run) -> None:
    """Their frames come and go in any order, are thrown into, and die half-way."""
    run("""
        import asyncio
        t.start(25)
        def plain(n):
            try:
                while True:
                    block = native.malloc(OBJ, 2_017)
                    yield [trace[2][0][1] for trace in traces(2_017)]
                    native.free(OBJ, block)
                    block = None
            finally:
                if block:
                    native.free(OBJ, block)
        line = plain.__code__.co_firstlineno + 3
        running = [plain(i) for i in range(20)]
        for round in range(3):
            for i, generator in enumerate(running):
                if round:
                    generator.send(None)
                else:
                    assert next(generator) == [line] * (i + 1)
        for generator in running[::2]:
            try:
                generator.throw(KeyError)
            except KeyError:
                pass
        assert len(traces(2_017)) == 10
        del generator
        running.clear()
        assert not traces(2_017)

        async def numbers(n):
            for i in range(n):
                block = native.malloc(MEM, 2_027)
                await asyncio.sleep(0)
                yield i
                native.free(MEM, block)
        async def consume():
            return [i async for i in numbers(20)]
        async def every():
            return await asyncio.gather(*[consume() for _ in range(20)])
        assert asyncio.run(every()) == [list(range(20))] * 20
        assert not traces(2_027)
    """)


def test_gevent(run: Run) -> None:
    """Greenlets that a loop switches, each with a stack of its own."""
    pytest.importorskip("gevent")
    run("""
        import gevent
        t.start(25)
        def down(n):
            if n:
                return down(n - 1)
            block = native.malloc(OBJ, 2_029)
            gevent.sleep(0)
            found = len(traces(2_029))
            native.free(OBJ, block)
            return found
        jobs = [gevent.spawn(down, i) for i in range(50)]
        gevent.joinall(jobs)
        assert max(job.value for job in jobs) == 50
        assert not traces(2_029)
    """)


def test_exec_of_the_module_twice(run: Run) -> None:
    """A second instance of the module is a second face of the one tracer."""
    run("""
        import importlib.util, sys
        t.start(3)
        block = native.malloc(MEM, 2_039)
        spec = importlib.util.spec_from_file_location("ctracemalloc._engine", engine.__file__)
        again = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(again)
        assert again is not engine and again.get_traceback_limit() == 3
        assert len([trace for trace in again._get_traces() if trace[1] == 2_039]) == 1
        table = again._take_table()
        del again, table
        import gc
        gc.collect()
        assert len(traces(2_039)) == 1
        engine_name = sys.modules.pop("ctracemalloc._engine")
        import ctracemalloc._engine
        assert len(traces(2_039)) == 1
    """)


def test_daemon_threads_at_the_end(run: Run) -> None:
    """cp#129185: threads still run, and free, while the interpreter goes away."""
    for _ in range(5):
        run("""
            import threading
            t.start(5)
            def busy(rounds):
                while True:
                    native.raw_detached(2_053, 50, 50)
                    [bytes(100) for _ in range(50)]
                    rounds.release()
            threads = [threading.Semaphore(0) for _ in range(6)]
            for rounds in threads:
                threading.Thread(target=busy, args=(rounds,), daemon=True).start()
            for rounds in threads:
                rounds.acquire()
        """)


def test_order_of_what_runs_at_exit(run: Run) -> None:
    """What was registered before start() runs after it and still finds the tracer at work."""
    out = run("""
        import atexit
        def last():
            assert t.is_tracing() and len(traces(2_063)) == 1
            t.take_snapshot().statistics("lineno")
            print("last", flush=True)
        class Late:
            def __del__(self):
                self.kept = bytes(10_000)
                print("late", flush=True)
        atexit.register(last)
        t.start(5)
        block = native.malloc(RAW, 2_063)
        late = Late()
        atexit.register(lambda: print("first", flush=True))
    """)
    assert out.split() == ["first", "last", "late"]


def test_stop_in_places_that_do_not_expect_it(run: Run) -> None:
    """In a finalizer, in a comparison, in a trace function, in a sort that is under way."""
    run("""
        import gc, sys
        class Stops:
            def __del__(self): t.stop()
            def __lt__(self, other):
                t.stop()
                t.start(2)
                return id(self) < id(other)
            def __hash__(self):
                t.clear_traces()
                return 1
            def __eq__(self, other):
                t.start(7)
                return self is other
        t.start(3)
        sorted([Stops() for _ in range(50)])
        t.start(3)
        {Stops() for _ in range(20)}
        t.start(3)
        cycle = [Stops()]
        cycle.append(cycle)
        del cycle
        gc.collect()
        assert not t.is_tracing()
        t.start(1)
        class Names(list):
            def __iter__(self):
                t.stop()
                return super().__iter__()
        snapshot = t.take_snapshot()
        snapshot.filter_traces(Names([t.Filter(True, "*")]))
        assert not t.is_tracing()
    """)


@pytest.mark.skipif(ctypes.util.find_library("jemalloc") is None, reason="no jemalloc here")
def test_under_jemalloc(run: Run) -> None:
    run(
        BALANCED + "t.start(5)\nfor size in (17, 600, 70_000, 3_000_000): balanced(size, 300)\n",
        env={
            "LD_PRELOAD": str(ctypes.util.find_library("jemalloc")),
            "PYTHONMALLOC": "malloc",
        },
    )


def test_memray_on_the_same_program(run: Run) -> None:
    """memray#1023: the ref tracer has one slot; whoever comes second calls the first."""
    pytest.importorskip("memray")
    run(
        BALANCED
        + """
import memray, tempfile, os
with tempfile.TemporaryDirectory() as folder:
    t.start(5)
    with memray.Tracker(os.path.join(folder, "inside.bin"), trace_python_allocators=True):
        balanced(2_069, 100)
    balanced(2_069, 100)
    t.stop()
    with memray.Tracker(os.path.join(folder, "around.bin"), trace_python_allocators=True):
        t.start(5)
        balanced(2_081, 100)
        t.stop()
    t.start()
    balanced(2_083, 100)
"""
    )


def test_processes_by_posix_spawn(run: Run) -> None:
    run("""
        import os, sys
        t.start(2)
        for _ in range(20):
            pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)
            assert os.waitpid(pid, 0)[1] == 0
            assert t.is_tracing()
    """)


def test_fork_in_a_fork_with_a_snapshot_in_each(run: Run) -> None:
    """dd#16257: children whose parents had hooks in use, the parent allocating all the while."""
    run("""
        import os, threading
        t.start(5)
        done = threading.Event()
        def busy():
            while not done.is_set():
                native.raw_detached(2_087, 20, 20)
                [bytes(50) for _ in range(50)]
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads:
            thread.start()
        def generation(n):
            pid = os.fork()
            if pid:
                assert os.waitpid(pid, 0)[1] == 0
                return
            status = 1
            try:
                kept = native.malloc(OBJ, 2_089)
                assert len(traces(2_089)) == 4 - n
                assert t.take_snapshot().statistics("lineno")
                if n:
                    generation(n - 1)
                status = 0
            finally:
                os._exit(status)
        for _ in range(10):
            generation(3)
        done.set()
        for thread in threads:
            thread.join()
    """)


def test_no_slot_is_left_for_the_end_of_the_interpreter(run: Run) -> None:
    """Without it, hooks would outlive what they look at: tracing does not start."""
    run("""
        import ctypes
        function = ctypes.cast(ctypes.pythonapi.Py_IsInitialized, ctypes.c_void_p)
        while ctypes.pythonapi.Py_AtExit(function) == 0:
            pass
        try:
            t.start()
        except RuntimeError as error:
            assert "Py_AtExit has no free slot" in str(error), error
        else:
            raise AssertionError("it has started")
        assert not t.is_tracing()
    """)


def test_no_thread_local_key_is_left() -> None:
    """The import says so, and the program goes on."""
    code = """
import ctypes, errno
libc = ctypes.CDLL(None)
while libc.pthread_key_create(ctypes.byref(ctypes.c_uint()), None) == 0:
    pass
try:
    import ctracemalloc
except OSError as error:
    assert error.errno == errno.EAGAIN, error
else:
    raise AssertionError("it has a key")
print("goes on")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "goes on\n"), result.stderr
