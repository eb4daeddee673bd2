"""The frame walk against the public frame API, in every situation that makes a stack unusual."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from .conftest import Run

CHECK = """
import sys, threading
blocks = 0
def check(note=None):
    '''Allocate a block and compare its trace with a walk by sys._getframe().'''
    global blocks
    size = 100_003 + blocks
    blocks += 1
    block = native.malloc(OBJ, size)
    frame = sys._getframe()
    expected = []
    while frame is not None:
        expected.append((frame.f_code.co_filename, frame.f_lineno or 0))
        frame = frame.f_back
    [(domain, _, frames, total)] = traces(size)
    native.free(OBJ, block)
    count = min(len(expected), 65535) if COUNTS else None
    assert total == count, (note, total, len(expected))
    expected[0] = (expected[0][0], check.__code__.co_firstlineno + 5)
    assert frames == tuple(expected[:LIMIT]), (note, frames[:5], expected[:5])
LIMIT = int(sys.argv[1])
COUNTS = sys.argv[2:] != ["uncounted"]
t.start(LIMIT, total_nframe=COUNTS)
"""

SITUATIONS = {
    "recursion": """
        def down(n):
            check()
            if n:
                down(n - 1)
            check()
        down(120)
    """,
    "recursion_up_and_down": """
        import random
        rng = random.Random(1)
        def walk(budget):
            while budget[0] > 0:
                budget[0] -= 1
                if rng.random() < 0.1: check()
                if rng.random() < 0.5: walk(budget)
                if rng.random() < 0.5: return
        for _ in range(30): walk([60])
    """,
    "past_the_end_of_the_ring": """
        # 256 levels are remembered in a ring.
        def down(n):
            check()
            if n: down(n - 1)
            check()
        down(300)
        async def link(n):
            if n: await link(n - 1)
            while True:
                check()
                await Pause()
        class Pause:
            def __await__(self): yield
        chains = [link(n) for n in (20, 20, 20, 19)]
        def at(n):
            if n: at(n - 1)
            else:
                for chain in chains: chain.send(None)
        for n in range(220, 260): at(n)
        for n in range(260, 220, -3): at(n)
    """,
    "changes_below_the_window": """
        def deep(n):
            if n: deep(n - 1)
            check()
        def one(n): deep(n)
        def other(n): deep(n)
        for n in (3, 20, 27, 45):
            one(n); other(n)
            one(n); one(n + 1)
            other(n + 1)
    """,
    "generators": """
        def inner(n):
            for i in range(n):
                check()
                yield i
        def outer(n):
            check()
            yield from inner(n)
            check()
        for _ in outer(3): check()
        list(check() for _ in range(3))
        [check() for _ in range(2)]
        {check(): 1 for _ in range(2)}
        sorted(range(3), key=lambda _: check() or 0)
    """,
    "coroutines": """
        import asyncio
        async def leaf(n):
            check()
            await asyncio.sleep(0)
            check()
            if n: await leaf(n - 1)
        async def agen():
            for i in range(3):
                check()
                yield i
        async def main():
            await asyncio.gather(*(leaf(i) for i in range(8)))
            async for _ in agen(): check()
        asyncio.run(main())
    """,
    "throw": """
        def gen():
            while True:
                try:
                    yield
                except ValueError:
                    check()
        g = gen(); next(g)
        g.throw(ValueError())
        def closing():
            try:
                yield
            finally:
                check()
        g = closing(); next(g); g.close()
        g = closing(); next(g); del g
    """,
    "throw_through_those_that_wait": """
        # They are put on the stack, but not run, and the recursion counter does not count them.
        import asyncio, random
        rng = random.Random(4)
        def link(n):
            if rng.random() < 0.2: check()
            try:
                if n: yield from link(n - 1)
                else:
                    while True: yield
            except KeyError:
                if rng.random() < 0.5: check()
                if rng.random() < 0.5: raise
                yield from link(rng.randrange(3))
            finally:
                if rng.random() < 0.5: down(rng.randrange(4))
        def down(n):
            if rng.random() < 0.5: check()
            if n: down(n - 1)
            if rng.random() < 0.5: check()
        def drive(chain, depth):
            if depth: return drive(chain, depth - 1)
            try: chain.send(None) if rng.random() < 0.5 else chain.throw(KeyError())
            except (StopIteration, KeyError): check()
        for _ in range(30):
            chain = link(rng.randrange(8))
            next(chain)
            for _ in range(rng.randrange(6)):
                down(rng.randrange(12))
                drive(chain, rng.randrange(12))
            chain.close()
        async def sleeper(n):
            try: await (sleeper(n - 1) if n else asyncio.sleep(60))
            finally:
                check()
                await asyncio.sleep(0)
                check()
        async def main():
            tasks = [asyncio.create_task(sleeper(n)) for n in range(5)]
            await asyncio.sleep(0)
            for task in tasks: task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            try:
                async with asyncio.timeout(0.001): await sleeper(3)
            except TimeoutError: check()
        asyncio.run(main())
    """,
    "finalizers": """
        import gc, weakref
        class Dies:
            def __del__(self): check()
        Dies()
        a, b = Dies(), Dies()
        a.b, b.a = b, a
        del a, b
        gc.collect()
        class C: pass
        c = C(); r = weakref.ref(c, lambda _: check()); del c
    """,
    "callbacks_from_c": """
        import functools, re
        list(map(lambda _: check(), range(2)))
        functools.reduce(lambda a, b: check(), [1, 2, 3])
        re.sub("a", lambda m: check() or "", "aaa")
        class K:
            def __hash__(self): check(); return 1
            def __eq__(self, other): check(); return True
            def __getattr__(self, name): check(); return None
            def __repr__(self): check(); return "K"
        {K(): 1}[K()]; K().missing; repr([K()])
        class Meta(type):
            def __new__(m, *a): check(); return super().__new__(m, *a)
            def __call__(cls, *a): check(); return super().__call__(*a)
        class M(metaclass=Meta): pass
        M()
        exec("check()"); eval("check()")
        from functools import partial
        partial(partial(check))()
    """,
    "profilers": """
        def profiler(*_): check() if not busy else None
        busy = []
        def traced():
            x = 1
            return [x]
        def hook(frame, event, arg):
            if not busy:
                busy.append(1); check(event); busy.pop()
            return hook
        sys.setprofile(hook); traced(); sys.setprofile(None)
        sys.settrace(hook); traced(); sys.settrace(None)
    """,
    "recursion_error": """
        def forever(): forever()
        for _ in range(3):
            try: forever()
            except RecursionError: check()
        check()
        sys.setrecursionlimit(5000)
        check()
        def down(n): down(n - 1) if n else check()
        down(2000)
        sys.setrecursionlimit(300)
        check()
        try: forever()
        except RecursionError: check()
    """,
    "threads": """
        def down(n): down(n - 1) if n else check()
        errors = []
        def body():
            try:
                for i in range(10): down(i * 5)
            except BaseException as error: errors.append(error)
        for _ in range(4):
            thread = threading.Thread(target=body); thread.start(); thread.join()
        assert not errors, errors
    """,
    "exceptions": """
        class Manager:
            def __enter__(self): check()
            def __exit__(self, *_): check(); return True
        def fails():
            with Manager(): raise KeyError
            try: raise KeyError
            except KeyError: check()
            finally: check()
        fails()
    """,
    "closures_and_cells": """
        def outer(a, b):
            def inner():
                check()
                return a + b
            check()
            return inner
        outer(1, 2)()
        def defaults(x=[], *args, y=1, **kwargs):
            nonlocal_ = lambda: (x, args, kwargs)
            check(); return nonlocal_
        defaults(*range(5), k=1)()
    """,
    "specialised_classes": """
        # A call of a class that was specialised enters __init__ through a frame of its own, which
        # the recursion counter counts and nobody else sees.
        import random
        rng = random.Random(2)
        class Plain:
            def __init__(self, depth):
                self.depth = depth
                if depth: wander(depth - 1)
                if rng.random() < 0.3: check()
        class Cells:
            def __init__(self, depth):
                get = lambda: depth
                if depth: wander(get() - 1)
                if rng.random() < 0.3: check()
        def plain(depth): Plain(depth)
        def cells(depth): Cells(depth)
        def call(depth):
            if rng.random() < 0.3: check()
            if depth: wander(depth - 1)
        def gen(depth):
            if depth: wander(depth - 1)
            yield
            if rng.random() < 0.3: check()
        def generator(depth): list(gen(depth))
        kinds = [plain, cells, call, generator]
        def wander(depth):
            rng.choice(kinds)(depth)
        for _ in range(100): plain(0); cells(0)
        for _ in range(60):
            wander(rng.randrange(40))
    """,
    "import": """
        import pathlib, tempfile
        folder = tempfile.mkdtemp()
        pathlib.Path(folder, "ctm_imported.py").write_text("import __main__; __main__.check()")
        sys.path.insert(0, folder)
        import ctm_imported
    """,
}


@pytest.mark.parametrize("limit", [1, 5, 65535])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_as_the_public_api_walks(run: Run, situation: str, limit: int) -> None:
    run(CHECK + textwrap.dedent(SITUATIONS[situation]), str(limit))


@pytest.mark.parametrize("limit", [1, 5])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_as_the_public_api_walks_without_a_count(run: Run, situation: str, limit: int) -> None:
    run(CHECK + textwrap.dedent(SITUATIONS[situation]), str(limit), "uncounted")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the interpreter has no sys.monitoring")
@pytest.mark.parametrize("limit", [1, 5])
@pytest.mark.parametrize("event", ["LINE", "INSTRUCTION"])
def test_throw_through_those_that_wait_while_it_is_monitored(
    run: Run, event: str, limit: int
) -> None:
    """Other instructions are put over those at which they wait."""
    run(
        CHECK
        + f"""
def inner():
    while True:
        try:
            x = yield (
                None
                )
        except KeyError:
            check()
def level(n):
    yield from level(n - 1) if n else inner()
monitoring = sys.monitoring
events = monitoring.events.{event}
monitoring.use_tool_id(3, "a test")
monitoring.register_callback(3, events, lambda *_: None)
monitoring.set_events(3, events)
chain = level(10)
next(chain)
for i in range(5):
    chain.throw(KeyError)
monitoring.set_events(3, 0)
""",
        str(limit),
    )


CHAINS = """
import random, sys
LIMIT = int(sys.argv[1])
t.start(LIMIT)
def compare(block):
    frame = sys._getframe(1)
    expected = []
    while frame is not None:
        expected.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    frames = t._get_object_traceback(block)
    assert frames == tuple(expected[:LIMIT]), (frames, expected)
TEXT = "text" * 200
def link(n, kind):
    if n and kind >> n % 3 & 1:
        yield from link(n - 1, kind)
    elif n:
        yield from link(n - 1, kind)
    while True:
        block = TEXT + TEXT; compare(block)
        yield
chains = [link(n, kind) for n in (8, 9) for kind in (0, 0, 1, 2, 5, 7)]
rng = random.Random(3)
orders = [rng.choices(chains, k=5) for _ in range(100)]
def at(n, order):
    if n: return at(n - 1, order)
    for chain in order: chain.send(None)
at(0, chains)
for order in orders:
    for depth in (0, 2, 240, 245): at(depth, order)
"""


@pytest.mark.parametrize("limit", [1, 5, 25])
def test_the_first_allocation_after_a_switch(run: Run, limit: int) -> None:
    """No allocation before it has looked at the chain of generators that was switched to."""
    run(CHAINS, str(limit))


@pytest.mark.parametrize("limit", [1, 25])
def test_greenlets(run: Run, limit: int) -> None:
    """Each greenlet has a data stack of its own and begins at its starter's recursion depth."""
    pytest.importorskip("greenlet")
    run(
        CHECK
        + """
import greenlet
def down(n): down(n - 1) if n else check()
def body():
    for i in range(5):
        down(i * 7)
        parent.switch()
parent = greenlet.getcurrent()
def starter(n):
    if n: return starter(n - 1)
    return [greenlet.greenlet(body) for _ in range(4)]
lets = starter(20)
for _ in range(5):
    for let in lets:
        let.switch()
        down(3)
        check()
""",
        str(limit),
    )


EXEC_MANY = """
import sys
count = int(sys.argv[1])
t.start()
wrong = 0
seen = set()
for i in range(count):
    line = i % 211
    code = compile("\\n" * line + "value = [0] * 3", f"f{i % 103}", "exec")
    seen.add(id(code))
    space = {}
    exec(code, space)
    del code
    frames = t._get_object_traceback(space["value"])
    # Where the interpreter gives no way to follow reuse the list may be of an older line.
    if frames is not None and frames != ((f"f{i % 103}", line + 1),):
        wrong += 1
print(wrong, len(seen) < count / 10)
"""


def test_many_execs(run: Run) -> None:
    """Code objects come and go at the same addresses; no trace names a dead one's line."""
    # A block that native code allocates is never from a free list.
    code = (
        EXEC_MANY.replace("value = [0] * 3", "value = bytes(599)")
        .replace('compile("', 'compile("n = 599;" + "')
        .replace("bytes(599)", "bytes(n)")
    )
    count = 100_000 if "CTM_LONG" not in __import__("os").environ else 1_000_000
    out = run(code, str(count)).split()
    assert out == ["0", "True"]


SUBINTERPRETER = Path(__file__).with_name("subinterpreter.py").read_text(encoding="utf-8")


def test_detached_thread_of_a_subinterpreter(run: Run) -> None:
    """A subinterpreter's thread that allocates detached gets its own frames."""
    run(SUBINTERPRETER)


def test_layout_is_checked(run: Run) -> None:
    """start() under a stack of many kinds of frames passes the comparison with the public API."""
    run("""
        def gen():
            yield t.start(3)
        class D:
            def __del__(self):
                list(map(lambda _: next(gen()), range(1)))
        D()
        assert t.is_tracing()
    """)


def test_layout_is_checked_under_a_tracing_function(run: Run) -> None:
    """Of a traced frame the interpreter may name a line that its table does not have."""
    run("""
        import ast, sys
        tree = ast.parse("def f(run):\\n    x = 1\\n    return run()\\n")
        tree.body[0].lineno, tree.body[0].end_lineno = 600, 601
        exec(compile(tree, "<made>", "exec"))
        sys.settrace(lambda *_: lambda *_: None)
        f(lambda: t.start(2))
        assert t.is_tracing()
    """)


def test_layout_is_checked_above_a_broken_line_table(run: Run) -> None:
    run("""
        def f(run): run()
        f.__code__ = f.__code__.replace(co_linetable=bytes([0, 1, 2, 1] * 6))
        f(lambda: t.start(2))
        assert t.is_tracing()
    """)


assert sys.version_info >= (3, 11)


def test_a_line_table_that_ends_too_early(run: Run) -> None:
    """Instructions behind its end have no line, as to the standard library."""
    run("""
        import sys, tracemalloc
        code = compile("kept.append(bytes(12_345))", "lines", "exec").replace(co_linetable=b"")
        kept = []
        size = sys.getsizeof(bytes(12_345))
        tracemalloc.start(1)
        t.start(1)
        exec(code)
        [(_, _, frames, _)] = [trace for trace in tracemalloc._get_traces() if trace[1] == size]
        [(_, _, ours, _)] = traces(size)
        assert ours == frames == (("lines", 0),)
    """)


def test_broken_line_tables(run: Run) -> None:
    """Each is read as the standard library reads it."""
    run("""
        import random, tracemalloc
        rng = random.Random(1)
        tables = [bytes([0, 1, 2, 1] * 6), b"\\xdf\\x01\\x02\\x03"]
        tables += [b"\\x87\\x87\\x87", b"\\x78\\x87"]
        tables += [bytes(rng.randbytes(rng.randrange(1, 12))) for _ in range(300)]
        code = compile("kept.append(bytes(size))", "lines", "exec")
        codes = [code.replace(co_linetable=table) for table in tables]
        kept = []
        tracemalloc.start(1)
        t.start(1)
        for size, code in enumerate(codes, 100_003):
            exec(code)
        def lines(module):
            return {size: frames[0][1] for _, size, frames, _ in module._get_traces()
                    if frames[0][0] == "lines" and size > 100_000}
        ours, theirs = lines(t), lines(tracemalloc)
        assert len(ours) == len(tables)
        assert ours == theirs, {tables[size - 100_036]: (ours[size], theirs[size])
                                for size in ours if ours[size] != theirs[size]}
    """)
