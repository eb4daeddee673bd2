"""Interpreters of other kinds: allocators chosen by the environment, isolated subinterpreters."""

from __future__ import annotations

import sys
import textwrap

import pytest

from .conftest import Run

BALANCE = """
import gc, random
rng = random.Random(7)
t.start(3)
live = {}
for step in range(20_000):
    domain = rng.randrange(3)
    kind = rng.random()
    if kind < 0.5 or not live:
        size = rng.choice([0, 1, 8, 16, 17, 100, 511, 512, 513, 4096, 70_000])
        address = native.malloc(domain, size)
        live[address] = (domain, size)
    elif kind < 0.8:
        address = rng.choice(list(live)) if len(live) < 50 else next(iter(live))
        domain, size = live.pop(address)
        native.free(domain, address)
    else:
        address = next(iter(live))
        domain, size = live.pop(address)
        size = rng.choice([0, 8, 24, 300, 512, 600, 5000])
        live[native.realloc(domain, address, size)] = (domain, size)
from collections import Counter
expected = Counter(size for domain, size in live.values())
found = Counter(trace[1] for trace in t._get_traces())
for size in (511, 513, 4096, 70_000, 5000):
    assert found[size] == expected[size], (size, found[size], expected[size])
for address, (domain, size) in live.items():
    native.free(domain, address)
found = Counter(trace[1] for trace in t._get_traces() if trace[1] in (511, 4096, 70_000))
assert not found[70_000] and not found[4096], found
"""


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONMALLOC": "debug"},
        {"PYTHONMALLOC": "malloc"},
        {"PYTHONMALLOC": "malloc_debug"},
        {"PYTHONMALLOC": "pymalloc"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONFAULTHANDLER": "1"},
    ],
    ids=lambda env: "-".join(f"{key}-{value}" for key, value in env.items()),
)
def test_allocators_of_the_environment(run: Run, env: dict[str, str]) -> None:
    """Where blocks are not those of pools, every block still has its one trace."""
    run(BALANCE, env=env)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="no isolated interpreters with a name")
def test_interpreter_with_its_own_gil(run: Run) -> None:
    """It cannot import the module, and says so; what it allocates is traced all the same."""
    run("""
        import _interpreters, threading
        t.start(5)
        interpreter = _interpreters.create("isolated")
        refused = _interpreters.exec(interpreter, "import ctracemalloc._engine")
        assert refused is not None and "ctracemalloc" in str(refused.msg), refused
        def body():
            error = _interpreters.exec(interpreter, "kept = [bytes(70_001) for _ in range(50)]\\n"
                                       "for _ in range(2000): [object() for _ in range(50)]")
            assert error is None, error
        thread = threading.Thread(target=body)
        thread.start()
        while thread.is_alive():
            [object() for _ in range(1000)]
        thread.join()
        found = [trace for trace in t._get_traces() if trace[1] > 70_000 and trace[1] < 70_100]
        assert len(found) == 50, len(found)
        assert {trace[2][-1][1] for trace in found} == {1}, found[0]
        _interpreters.destroy(interpreter)
        found = [trace for trace in t._get_traces() if trace[1] > 70_000 and trace[1] < 70_100]
        assert not found
    """)


SUBINTERPRETER = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    interpreter, execute = interpreters.create("legacy"), interpreters.exec
else:
    import _xxsubinterpreters as interpreters
    interpreter, execute = interpreters.create(isolated=False), interpreters.run_string
"""


def test_started_by_a_subinterpreter(run: Run) -> None:
    """Tracing is the process's: it goes on when the interpreter that started it has ended."""
    code = """
        size = sys.getsizeof(bytes(71_003))
        code = "import ctracemalloc; ctracemalloc.start(3); kept = bytes(71_003)"
        error = execute(interpreter, code)
        assert error is None, error
        assert t.is_tracing() and t.get_traceback_limit() == 3
        assert len(traces(size)) == 1
        interpreters.destroy(interpreter)
        assert t.is_tracing() and traces(size) == []
        kept = bytes(71_003)
        assert len(traces(size)) == 1
    """
    run(SUBINTERPRETER + textwrap.dedent(code))


def test_the_main_interpreter_tells_of_its_end_though_another_started(run: Run) -> None:
    """Once for all starts: only its own `atexit` runs while all states of threads are there."""
    code = """
        import atexit
        before = atexit._ncallbacks()
        error = execute(interpreter, "import ctracemalloc; ctracemalloc.start()")
        assert error is None, error
        assert t.is_tracing() and atexit._ncallbacks() == before
        for _ in range(2):
            t.stop()
            t.start()
            assert atexit._ncallbacks() == before + 1
    """
    run(SUBINTERPRETER + textwrap.dedent(code))
