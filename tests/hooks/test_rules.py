"""The rules for hooks, each with what would happen were it broken.

Every body runs in an interpreter of its own; see conftest.py for the names it finds.
"""

from __future__ import annotations

import sys

import pytest

from .conftest import Run

needs_ref_tracer = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="the interpreter has no PyRefTracer"
)


# Rule 1: no GIL, no thread state, no Python object inside a hook.


def test_foreign_thread_while_the_gil_is_held(run: Run) -> None:
    """A hook that took the GIL would wait for ever here; its stack is stdlib's unknown one."""
    run("""
        t.start(5)
        blocks = native.raw_in_foreign_thread(12345, 100, 40)
        found = traces(12345)
        assert len(found) == 60, len(found)
        assert {trace[2:] for trace in found} == {((("<unknown>", 0),), 1)}, found[0]
        for block in blocks:
            native.free(RAW, block)
        assert not traces(12345)
    """)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no state is attached for all threads")
def test_state_of_another_thread_is_never_read(run: Run) -> None:
    """The state that is attached may be another thread's, and gone: no hook looks into it."""
    run("""
        t.start(5)
        for block in native.raw_beside_unreadable_state(12_347, 50, 20):
            native.free(RAW, block)
        assert not traces(12_347)
        blocks = native.raw_beside_unreadable_state(12_347, 1, 0)
        [trace] = traces(12_347)
        assert trace[2:] == ((("<unknown>", 0),), 1), trace
    """)


@pytest.mark.parametrize("away", ["stopped", "removed"])
def test_state_that_died_unseen_is_never_read(run: Run, away: str) -> None:
    """A C thread gives its state back while no hook is there to see it, and allocates later on."""
    run(
        f"""
        import warnings
        away = {away!r}
        def visit():
            t.start(5)
            seen.append(native.malloc(OBJ, 12_343))
            if away == "stopped":
                t.stop()
            else:
                native.layer_off()  # as it was before start()
        seen = []
        native.layer_on()
        native.visitor_calls(visit)
        assert seen
        if away == "stopped":
            t.start(5)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                t.get_traced_memory()
        assert engine._hooks_info()["raw"] == "on top"
        native.visitor_allocates(12_347, 20)
        found = traces(12_347)
        assert len(found) == 20, len(found)
        assert {{trace[2:] for trace in found}} == {{((("<unknown>", 0),), 1)}}, found[0]
        """,
        env={"PYTHONMALLOC": "debug"},  # what is freed is overwritten
    )


DETACHED = """
        import sys, threading
        def deep(n):
            return deep(n - 1) if n else spin()
        def spin():
            while not done.is_set():
                [object() for _ in range(10)]
        def detached():
            return native.raw_detached(54321, 2000, 1000)
        done = threading.Event()
        t.start(5)
        other = threading.Thread(target=deep, args=(200,))
        other.start()
        for _ in range(20):
            blocks = detached()
            found = traces(54321)
            assert len(found) == 1000, len(found)
            frames = {trace[2] for trace in found}
            names = {frame[0] for stack in frames for frame in stack}
            assert names == {"<string>"}, names
            [stack] = frames
            assert stack[0][1] == detached.__code__.co_firstlineno + 1, stack
            assert {trace[3] for trace in found} == {2}
            for block in blocks:
                native.free(RAW, block)
        done.set()
        other.join()
"""


def test_detached_thread_gets_its_own_frames(run: Run) -> None:
    """Reading the attached thread's frames instead would be reading frames that move."""
    run(DETACHED)


# Rule 2: nothing fails the program for want of the tracer's memory (see also the engine's tests).


def test_no_memory_for_traces(run: Run) -> None:
    """With no address space left for the tracer, small allocations still succeed."""
    out = run("""
        import resource
        blocks = [native.malloc(OBJ, 64) for _ in range(20000)]
        spare = [bytes(200) for _ in range(20000)]
        for block in blocks:
            native.free(OBJ, block)
        del spare
        t.start()
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        sources = [compile("\\n" * i + "native.malloc(OBJ, 48)", f"file{i}" * 50, "exec")
                   for i in range(3000)]
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
        for source in sources:
            exec(source)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(t.get_dropped())
        before = t.get_dropped()
        native.malloc(OBJ, 31_337)
        assert len(traces(31_337)) == 1
        assert t.get_dropped() == before
    """)
    assert int(out) > 0


# Rule 3: untrack before the real realloc, restore if it failed.


@pytest.mark.parametrize("domain", ["RAW", "MEM", "OBJ"])
def test_failed_realloc_keeps_the_trace(run: Run, domain: str) -> None:
    run(f"""
        native.layer_on()  # below our hooks
        t.start(3)
        block = native.malloc({domain}, 4321)
        [before] = traces(4321)
        memory = t.get_traced_memory()[0]
        native.layer_fail_realloc(True)
        assert native.realloc({domain}, block, 8642) == 0
        native.layer_fail_realloc(False)
        assert traces(4321) == [before]
        assert not traces(8642)
        moved = native.realloc({domain}, block, 8642)
        assert moved
        assert not traces(4321)
        [after] = traces(8642)
        assert after[2] != before[2]
        native.free({domain}, moved)
        assert not traces(8642)
    """)


@pytest.mark.parametrize("domain", ["RAW", "MEM", "OBJ"])
def test_realloc_in_all_its_ways(run: Run, domain: str) -> None:
    run(f"""
        t.start()
        block = native.realloc({domain}, 0, 700)  # NULL: an allocation
        assert len(traces(700)) == 1
        for size in (701, 100, 99, 0, 600, 1 << 20, 8):
            block = native.realloc({domain}, block, size)
            assert block and len(traces(size)) >= 1, size
        native.free({domain}, block)
        block = native.calloc({domain}, 7, 111)
        assert len(traces(777)) == 1
        native.free({domain}, block)
        assert not traces(777)
        native.free({domain}, 0)
    """)


# Rule 4: one block, one trace, however the allocator gets its memory.


@pytest.mark.parametrize("domain", ["MEM", "OBJ"])
def test_large_blocks_count_once(run: Run, domain: str) -> None:
    run(f"""
        t.start()
        before = t.get_traced_memory()[0]
        block = native.malloc({domain}, 1 << 22)
        grown = t.get_traced_memory()[0] - before
        assert 1 << 22 <= grown < (1 << 22) + 2000, grown
        assert len(traces(1 << 22)) == 1
        native.free({domain}, block)
        assert t.get_traced_memory()[0] - before < 2000
    """)


# Rule 5: wrap, never replace.


def test_blocks_from_before_start(run: Run) -> None:
    run("""
        blocks = [native.malloc(d, size) for d in (RAW, MEM, OBJ) for size in (16, 512, 5000)]
        t.start()
        before = t.get_traced_memory()[0]
        i = 0
        for d in (RAW, MEM, OBJ):
            for size in (16, 512, 5000):
                native.free(d, blocks[i])
                i += 1
        assert abs(t.get_traced_memory()[0] - before) < 1000
        assert not traces(5000)
    """)


def test_blocks_freed_after_stop(run: Run) -> None:
    run("""
        t.start()
        block = native.malloc(MEM, 300)
        t.stop()
        native.free(MEM, block)
        t.start()
        assert not traces(300)
    """)


def test_stop_gives_the_allocators_back(run: Run) -> None:
    run("""
        before = [native.allocator_of(d) for d in (RAW, MEM, OBJ)]
        t.start()
        during = [native.allocator_of(d) for d in (RAW, MEM, OBJ)]
        assert all(a != b for a, b in zip(before, during))
        t.stop()
        assert [native.allocator_of(d) for d in (RAW, MEM, OBJ)] == before
    """)


@pytest.mark.parametrize("habit", ["LOG_FREES", "GROW_LOG"])
def test_the_wrapped_allocator_gives_back_what_it_took_for_itself(run: Run, habit: str) -> None:
    """A tool below us takes memory while it frees, and gives it back while it allocates."""
    run(f"""
        native.layer_on(RAW)
        native.layer_on(OBJ, {habit})
        t.start()
        for _ in range(50):
            native.free(OBJ, native.malloc(OBJ, 300))
        assert len(traces(54_321)) <= 1
    """)


def test_the_wrapped_allocator_fails_to_move_what_it_took_for_itself(run: Run) -> None:
    run("""
        native.layer_on(RAW)
        native.layer_on(OBJ, GROW_LOG)
        t.start()
        native.layer_fail_realloc(True)
        for _ in range(50):
            native.free(OBJ, native.malloc(OBJ, 300))
        found = len(traces(54_321))
        native.layer_fail_realloc(False)
        assert found == 1
    """)


def test_hooked_above(run: Run) -> None:
    """Who hooked after us holds our functions: stop leaves them, and start finds them again."""
    run("""
        t.start()
        native.layer_on()
        on_top = native.allocator_of(MEM)
        t.stop()
        assert native.allocator_of(MEM) == on_top
        block = native.malloc(MEM, 33_331)
        t.start()
        assert native.allocator_of(MEM) == on_top  # not hooked a second time
        assert engine._hooks_info()["mem"] == "below another"
        again = native.malloc(MEM, 33_331)
        assert len(traces(33_331)) == 1
        native.free(MEM, again)
        native.free(MEM, block)
        assert not traces(33_331)
        native.layer_off()
        assert engine._hooks_info()["mem"] == "on top"
        t.stop()
    """)


# Rule 6: the tracer does not trace itself, and says truthfully what it holds.


@pytest.mark.parametrize("nframe", [1, 25])
def test_memory_as_the_kernel_sees_it(run: Run, nframe: int) -> None:
    run(f"""
        import os

        def named():
            # Mappings that the kernel names, where it can.
            resident, ours = 0, False
            for line in open("/proc/self/smaps"):
                if not line.split()[0].endswith(":"):
                    ours = line.endswith("[anon:ctracemalloc]\\n")
                elif ours and line.startswith("Rss:"):
                    resident += int(line.split()[1]) * 1024
            return resident

        def by_address():
            # Else it may have joined them with their neighbours: page by page.
            resident, page = 0, os.sysconf("SC_PAGESIZE")
            with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
                for address, size in engine._mappings():
                    pagemap.seek(address // page * 8)
                    entries = memoryview(pagemap.read(size // page * 8)).cast("Q")
                    # Present and this process's alone: not the page of zeros.
                    resident += page * sum(entry >> 56 & 0x81 == 0x81 for entry in entries)
            return resident

        # Where looking alone makes the tables grow by more than that.
        NEARLY_EMPTY = ("the start", "a clear", "another start")

        def compare(at):
            # Looking allocates: what is said in between lies in between.
            before = named() or by_address()
            said = t.get_tracemalloc_memory()
            after = named() or by_address()
            assert 0.95 * before <= said <= 1.05 * after, (at, before, said, after)
            assert after <= 1.05 * before or at in NEARLY_EMPTY, (at, before, after)
            return said

        def request(number):
            # A file, a code object and stacks that never were before.
            exec(compile("bytes(1000)\\n" * 300, f"/srv/{{number}}.html", "exec"))

        t.start({nframe})
        small = compare("the start")
        keep = [(i, str(i)) for i in range(200_000)]
        raw = [bytes(1000) for i in range(20_000)]
        assert compare("many live blocks") > small + 1_000_000
        number = 0
        while engine._tables_info()["reclaims"] == 0:
            request(number)
            number += 1
            if number % 50 == 0:
                compare(f"{{number}} requests")
        compare("after much was given back")
        keep.clear()
        raw.clear()
        large = compare("the end")
        t.clear_traces()
        assert compare("a clear") < large / 4
        keep = [(i, str(i)) for i in range(200_000)]
        compare("many live blocks again")
        t.stop()
        assert t.get_tracemalloc_memory() == 0
        t.start({nframe})
        assert compare("another start") < large / 4
    """)


# Rule 7: a line is found once for each instruction, and never that of a dead code object.


def test_code_objects_die_and_their_addresses_return(run: Run) -> None:
    run("""
        import sys
        t.start()
        addresses = set()
        for i in range(20_000):
            name = f"file{i % 977}"
            source = "\\n" * (i % 313) + "blocks.append(native.malloc(OBJ, 77))"
            code = compile(source, name, "exec")
            addresses.add(id(code))
            blocks = []
            exec(code)
            del code
            found = traces(77) if i % 500 == 0 else []
            for trace in [trace for trace in found if trace[2][0][0].startswith("file")]:
                assert trace[2] == ((name, i % 313 + 1),), (trace, name, i % 313 + 1)
            native.free(OBJ, blocks[0])
        assert len(addresses) < 10_000  # else this test tests nothing
    """)


# Rule 8: fork.


def test_the_first_start_of_two_at_once_counts(run: Run) -> None:
    run(
        """
import sys
def hook(event, arguments):
    # What another thread may do while the first start() imports it.
    if event == "import" and arguments[0] == "atexit" and not begun:
        begun.append(True)
        t.start(25)
        kept.extend(bytearray(8) for _ in range(3000))
kept = []
begun = []
sys.modules.pop("atexit", None)
sys.addaudithook(hook)
t.start(1)
assert len(kept) == 3000
assert t.get_traceback_limit() == 25
assert t.get_traced_memory()[0] > 3000 * 8
kept.extend(bytearray(8) for _ in range(3000))
"""
    )


def test_fork_while_threads_allocate(run: Run) -> None:
    run("""
        import os, threading
        t.start(3)
        done = threading.Event()
        def busy():
            while not done.is_set():
                native.raw_detached(99, 50, 50)
                [object() for _ in range(100)]
        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(50):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    assert t.is_tracing()
                    block = native.malloc(MEM, 10_007 + i)
                    assert len(traces(10_007 + i)) == 1
                    native.free(MEM, block)
                    assert not traces(10_007 + i)
                    native.raw_detached(98, 50, 50)
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(pid, 0)[1] == 0
        done.set()
        for thread in threads:
            thread.join()
    """)


# Rule 9: nothing that a hook needs is freed by stop.


def test_stop_while_other_threads_are_in_hooks(run: Run) -> None:
    run("""
        import threading, time
        done = threading.Event()
        def busy():
            while not done.is_set():
                native.raw_detached(6_101, 500, 500)
        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 3
        rounds = 0
        while time.monotonic() < end:
            t.start(1 + rounds % 7)
            [object() for _ in range(50)]
            if rounds % 3 == 0:
                t.clear_traces()
            t.stop()
            rounds += 1
        done.set()
        for thread in threads:
            thread.join()
        t.start()
        native.raw_detached(6_101, 500, 500)
        assert not traces(6_101)
    """)


# Rule 10: a torn PyMemAllocatorEx is harmless.


def test_our_functions_keep_the_ctx_of_what_they_wrap(run: Run) -> None:
    run("""
        native.layer_on()
        before = [native.allocator_of(d) for d in (RAW, MEM, OBJ)]
        t.start()
        during = [native.allocator_of(d) for d in (RAW, MEM, OBJ)]
        for (ctx, *_), (our_ctx, *_) in zip(before, during):
            assert ctx == our_ctx
        for d in (RAW, MEM, OBJ):
            block = native.malloc(d, 100)
            block = native.realloc(d, block, 200)
            native.free(d, block)
            native.free(d, native.calloc(d, 3, 3))
        *calls, wrong_ctx = native.layer_info()
        assert not wrong_ctx and all(calls), (calls, wrong_ctx)
    """)


@pytest.mark.parametrize("below", ["layer", "stdlib"])
def test_an_old_registration_of_ours_is_put_back(run: Run, below: str) -> None:
    """It has the ctx of who was wrapped by then, and is called with it: not who is wrapped now."""
    run(
        f"""
        import tracemalloc, warnings
        warnings.simplefilter("ignore")
        stdlib = {below!r} == "stdlib"
        allocators = [native.allocator_of(d) for d in (RAW, MEM, OBJ)]
        tracemalloc.start() if stdlib else native.layer_on()
        t.start()
        for d in (RAW, MEM, OBJ):
            native.keep_allocator(d)
        tracemalloc.stop() if stdlib else native.layer_off()
        assert [native.allocator_of(d) for d in (RAW, MEM, OBJ)] == allocators
        t.get_traced_memory()  # ours in front of what is there
        new = [native.allocator_of(d) for d in (RAW, MEM, OBJ)]
        for d in (RAW, MEM, OBJ):
            native.put_back_allocator(d)
            assert native.allocator_of(d)[1:] == new[d][1:]
            assert native.allocator_of(d)[0] != new[d][0]
            block = native.realloc(d, native.calloc(d, 7, 11), 6_121)
            again = native.malloc(d, 6_121)
            assert len(traces(6_121)) == 2
            native.free(d, block)
            native.free(d, again)
            assert not traces(6_121)
        t.stop()
        assert [native.allocator_of(d) for d in (RAW, MEM, OBJ)] == allocators
        """,
        env={"PYTHONMALLOC": "debug"},  # which looks at its ctx
    )


@pytest.mark.parametrize("part", ["ctx", "malloc", "calloc", "realloc", "free"])
def test_a_tool_that_is_not_quite_what_we_wrapped_before(run: Run, part: str) -> None:
    """It is wrapped, and put back, as it is now."""
    run(f"""
        native.layer_on(OBJ)
        t.start()
        t.stop()
        before = native.allocator_of(OBJ)
        native.layer_change(OBJ, {["ctx", "malloc", "calloc", "realloc", "free"].index(part)})
        changed = native.allocator_of(OBJ)
        assert [x == y for x, y in zip(before, changed)].count(False) == 1
        t.start()
        block = native.malloc(OBJ, 33_541)
        assert len(traces(33_541)) == 1
        native.free(OBJ, block)
        t.stop()
        assert native.allocator_of(OBJ) == changed
    """)


@pytest.mark.parametrize("habit", ["CACHE_SMALL", "CACHE_LARGE"])
def test_hooked_above_by_a_tool_that_serves_some_blocks_itself(run: Run, habit: str) -> None:
    """A probe of such a size does not reach us: not to be taken for hooks that are gone."""
    run(f"""
        t.start()
        native.layer_on(OBJ, {habit})
        on_top = native.allocator_of(OBJ)
        t.get_traced_memory()
        assert native.allocator_of(OBJ) == on_top  # else each of the two would wrap the other
        assert engine._hooks_info()["obj"] == "below another"
        native.malloc(OBJ, 33_441)
        assert len(traces(33_441)) == 1
        assert t.get_lost() == 0
    """)


# Rule 11: others take hooks away.


def test_hooks_taken_away(run: Run) -> None:
    """One warning, the traces dropped and counted, hooks anew: never a stale trace."""
    run("""
        import warnings
        native.layer_on()
        native.layer_off()
        t.start()
        native.layer_on()
        kept = native.malloc(MEM, 55_511)
        native.layer_off()       # what layer_on saw: our hooks
        assert len(traces(55_511)) == 1
        t.stop()
        native.layer_on()        # remembers the allocators without us
        t.start()
        stale = native.malloc(MEM, 55_611)
        native.layer_off()       # takes ours away with its own
        native.free(MEM, stale)  # unseen
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert not traces(55_611)
            assert not traces(55_611)
        [warning] = caught
        assert warning.category is RuntimeWarning
        assert "removed ctracemalloc's hooks" in str(warning.message)
        assert t.get_lost() > 0
        block = native.malloc(MEM, 55_711)
        assert len(traces(55_711)) == 1
    """)


def test_hooks_taken_away_of_the_domain_of_a_tool_that_asks_another(run: Run) -> None:
    """Our hook of raw memory is reached by the probe of objects, for which it must not answer."""
    run("""
        import warnings
        native.layer_on(OBJ, KEEP_BOOKS)
        t.start()
        stale = native.malloc(OBJ, 55_811)
        native.layer_off()
        native.layer_on(OBJ, KEEP_BOOKS)
        native.free(OBJ, stale)  # unseen
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert not traces(55_811)
        assert len(caught) == 1, caught
        native.malloc(OBJ, 55_911)
        assert len(traces(55_911)) == 1
    """)


@pytest.mark.parametrize("limit", [1, 25])
def test_stdlib_started_first_and_stopped_in_between(run: Run, limit: int) -> None:
    """stdlib's stop() puts back the allocators from before its start(), without ours."""
    run(f"""
        import tracemalloc, warnings
        tracemalloc.start({limit})
        t.start({limit})
        block = native.malloc(OBJ, 44_411)
        assert len(traces(44_411)) == 1
        tracemalloc.stop()
        native.free(OBJ, block)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert not traces(44_411)
        assert len(caught) == 1, caught
        native.malloc(OBJ, 44_511)
        assert len(traces(44_511)) == 1
        t.stop()
    """)


@pytest.mark.parametrize("size", [80, 600])
def test_missed_free_is_replaced(run: Run, size: int) -> None:
    """A block freed behind our back and handed out again has the newer trace alone."""
    run(f"""
        def once(): return native.malloc(OBJ, {size})
        def again(first): return native.malloc_again(OBJ, first, {size})
        native.layer_on()
        t.start()
        first = once()
        second = again(first)
        assert second == first
        lines = [trace[2][0][1] for trace in traces({size})]
        assert once.__code__.co_firstlineno not in lines, lines
        assert again.__code__.co_firstlineno in lines, lines
        native.free(OBJ, second)
    """)


@needs_ref_tracer
def test_ref_tracer_of_another_tool(run: Run) -> None:
    """One that was there before is still called, with its data, and is put back."""
    run("""
        import sys
        native.ref_tracer_on()
        t.start()
        assert not native.ref_tracer_info()[1]
        before = native.ref_tracer_info()[0]
        keep = [float(i) for i in range(1000)]
        assert native.ref_tracer_info()[0] >= before + 1000
        t.stop()
        births, in_place, wrong_data, removals = native.ref_tracer_info()
        assert in_place and not wrong_data
        # By the interpreter, when ours came; not by ours, when that went.
        assert removals == (1 if sys.version_info >= (3, 15) else 0), removals
        native.ref_tracer_off()
    """)


@needs_ref_tracer
@pytest.mark.parametrize("first", ["nobody", "stdlib", "another"])
@pytest.mark.parametrize("with_data", [True, False])
def test_ref_tracers_that_hand_on(run: Run, first: str, with_data: bool) -> None:
    """Ours in front of another, in front of ours, in front of the first: all are told once."""
    run(f"""
        import itertools, tracemalloc, warnings
        warnings.simplefilter("ignore")
        def told():
            before = native.link_births(0), native.link_births(1)
            keep = [float(i) for i in range(10_000)]
            after = native.link_births(0), native.link_births(1)
            return [(b - a) // 10_000 for a, b in zip(before, after)]
        def reused(births):
            function, count = births.__name__, 0
            for statistic in t.take_snapshot(at="reuse").statistics("function"):
                if statistic.traceback[0].name == function:
                    count += statistic.count
            return count
        def again_and_again():
            for _ in itertools.repeat(None, 1000):  # without integers, which may be reused
                float("1.5")
        if {first!r} == "stdlib":
            tracemalloc.start()
        elif {first!r} == "another":
            native.link_on(0, {with_data})
        expected = [int({first!r} == "another"), 1]
        t.start()
        native.link_on(1, {with_data})
        t.get_traced_memory()  # ours comes back, in front
        assert engine._hooks_info()["ref_tracer"]
        assert told() == expected, told()
        float("2.5")  # a free one, with a trace
        again_and_again()
        count = reused(again_and_again)
        assert 990 < count < 1010, count
        t.stop()
        assert not engine._hooks_info()["ref_tracer"]
        assert told() == expected, told()
        t.start()
        assert engine._hooks_info()["ref_tracer"]
        assert told() == expected, told()
    """)


@needs_ref_tracer
def test_ref_tracer_keeps_the_data_of_the_next(run: Run) -> None:
    """A pair of function and data that is read while it is written is harmless."""
    run("""
        native.ref_tracer_on()
        before = native.ref_tracer_data()
        t.start()
        assert native.ref_tracer_data() == before != 0
        native.link_on(1, True)  # whose data ours may be called with
        native.link_on(0, True)
        t.get_traced_memory()
        assert native.ref_tracer_torn(object()) == 0
        assert not native.ref_tracer_info()[2]
    """)


@needs_ref_tracer
def test_stop_while_interpreters_have_a_gil_of_their_own(run: Run) -> None:
    """They tell of births all the while, also those who saw the tracer that is replaced."""
    run("""
        import threading, time
        import _interpreters as interpreters
        code = "import time\\n" \\
               "end = time.monotonic() + 2\\n" \\
               "while time.monotonic() < end:\\n" \\
               "    [float(i) for i in range(20)], [(i,) for i in range(20)]\\n"
        ids = [interpreters.create("isolated") for _ in range(2)]
        failed = []
        def busy(id):
            failed.append(interpreters.exec(id, code))
        threads = [threading.Thread(target=busy, args=(id,)) for id in ids]
        native.ref_tracer_on()
        for thread in threads:
            thread.start()
        rounds = 0
        while any(thread.is_alive() for thread in threads):
            t.start(1 + rounds % 5)
            time.sleep(0.0002 * (rounds % 5))
            t.stop()
            rounds += 1
        assert failed == [None, None], failed
        births, in_place, wrong_data, removals = native.ref_tracer_info()
        assert rounds > 10 and births and in_place and not wrong_data
        for id in ids:
            interpreters.destroy(id)
    """)


@needs_ref_tracer
def test_ref_tracer_ignores_what_it_does_not_know(run: Run) -> None:
    run("""
        t.start()
        assert native.ref_tracer_strange_events() == 0
    """)


@needs_ref_tracer
def test_ref_tracer_taken_away(run: Run) -> None:
    run("""
        import warnings
        t.start()
        native.ref_tracer_off()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            t.get_traced_memory()
            t.get_traced_memory()
        assert len(caught) == 1, caught
        assert engine._hooks_info()["ref_tracer"]
    """)


@needs_ref_tracer
@pytest.mark.parametrize("follow", [True, False])
def test_reuse_from_free_lists(run: Run, follow: bool) -> None:
    run(f"""
        import gc
        gc.collect()  # empties the free lists: what is in them has no trace
        t.start(follow_reuse={follow})
        def first():
            return float("1.5")
        def second():
            return float("2.5")
        value = first()
        address = id(value)
        del value
        value = second()
        assert id(value) == address  # the same block: else this tests nothing
        [(_, line)] = t._get_object_traceback(value)
        expected = second if {follow} else first
        assert line == expected.__code__.co_firstlineno + 1, line
    """)
