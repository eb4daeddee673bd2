"""`install()` and `uninstall()`: who sees which tracemalloc, and what becomes of its traces."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest
from fresh_environment import Environment, fresh_environment


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


def run(env: Environment, code: str, *options: str, **more: Any) -> dict[str, Any]:
    """Run code in which `show(...)` prints the result; return that."""
    prelude = "import json\ndef show(**found): print(json.dumps(found))\n"
    done = env.run(*options, "-c", prelude + textwrap.dedent(code), **more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["stderr"] = done.stderr
    return found


def test_import_finds_ours_and_afterwards_the_other(env: Environment) -> None:
    found = run(
        env,
        """
        import ctracemalloc
        ctracemalloc.install()
        import tracemalloc, _tracemalloc
        both = [tracemalloc is ctracemalloc, _tracemalloc.start is ctracemalloc.start]
        ctracemalloc.uninstall()
        import tracemalloc, _tracemalloc
        show(both=both, after=[tracemalloc.__name__, _tracemalloc.__name__],
             start=tracemalloc.start is _tracemalloc.start is not ctracemalloc.start)
        """,
    )
    assert found["both"] == [True, True]
    assert found["after"] == ["tracemalloc", "_tracemalloc"]
    assert found["start"]


def test_module_objects_imported_before_are_rebound(env: Environment) -> None:
    found = run(
        env,
        """
        import tracemalloc, _tracemalloc
        before = dict(vars(tracemalloc)), dict(vars(_tracemalloc))
        import ctracemalloc
        ctracemalloc.install()
        shared = [n for n, v in before[0].items()
                  if getattr(v, "__module__", None) in ("tracemalloc", "_tracemalloc")]
        rebound = [n for n in shared if getattr(tracemalloc, n) is getattr(ctracemalloc, n)]
        core = [n for n in before[1] if not n.startswith("__")]
        core_rebound = [n for n in core if getattr(_tracemalloc, n) is getattr(ctracemalloc, n)]
        name = tracemalloc.__name__
        tracemalloc.start(4)
        seen = ctracemalloc.is_tracing(), ctracemalloc.get_traceback_limit()
        tracemalloc.stop()
        ctracemalloc.uninstall()
        show(shared=shared, rebound=rebound, core=core, core_rebound=core_rebound, seen=seen,
             name=name, same=(vars(tracemalloc), vars(_tracemalloc)) == before)
        """,
    )
    assert len(found["shared"]) > 15
    assert found["rebound"] == found["shared"]
    assert len(found["core"]) >= 10
    assert found["core_rebound"] == found["core"]
    assert found["seen"] == [True, 4]
    assert found["name"] == "tracemalloc"
    assert found["same"]


def test_names_taken_out_by_other_modules_are_rebound(env: Environment) -> None:
    found = run(
        env,
        """
        from tracemalloc import start, Snapshot as Picture, take_snapshot
        import sys, types
        other = types.ModuleType("other")
        other.begin = start
        sys.modules["other"] = other
        theirs = start, Picture
        import ctracemalloc
        ctracemalloc.install()
        rebound = (start, Picture, other.begin) == (
            ctracemalloc.start, ctracemalloc.Snapshot, ctracemalloc.start)
        other.begin = print     # a change of its owner's, which must stay
        ctracemalloc.uninstall()
        show(rebound=rebound, back=(start, Picture) == theirs, kept=other.begin is print)
        """,
    )
    assert found["rebound"]
    assert found["back"]
    assert found["kept"]


def test_a_lazy_module_is_not_woken(env: Environment) -> None:
    found = run(
        env,
        """
        import importlib.util, sys
        spec = importlib.util.find_spec("this")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["this"] = module
        spec.loader.exec_module(module)
        import ctracemalloc
        ctracemalloc.install()
        show(lazy=type(module).__name__)
        """,
    )
    assert found["lazy"] == "_LazyModule"


def test_twice_is_once(env: Environment) -> None:
    found = run(
        env,
        """
        import tracemalloc as held
        theirs = held.start
        import ctracemalloc, sys
        nothing = [ctracemalloc.uninstall()]
        nothing += [ctracemalloc.install(), ctracemalloc.install(), ctracemalloc.uninstall()]
        first = sys.modules["tracemalloc"] is held and held.start is theirs
        nothing += [ctracemalloc.uninstall(), ctracemalloc.install()]
        again = sys.modules["tracemalloc"] is ctracemalloc
        show(nothing=nothing, first=first, again=again)
        """,
    )
    assert found["nothing"] == [None] * 6
    assert found["first"]
    assert found["again"]


def test_traces_of_the_standard_library_are_handed_over_once(env: Environment) -> None:
    found = run(
        env,
        """
        import tracemalloc, _tracemalloc
        theirs = _tracemalloc.is_tracing, _tracemalloc.start
        tracemalloc.start(7)
        kept = [bytes(200_000 + i) for i in range(64)]
        import ctracemalloc
        snapshot = ctracemalloc.install()
        sizes = [t.size for t in snapshot.traces if 200_000 <= t.size - 33 < 200_064]
        frames = max(len(t.traceback) for t in snapshot.traces)
        during = [theirs[0](), ctracemalloc.is_tracing(), ctracemalloc.get_traceback_limit()]
        mine = bytes(3000)
        traced = ctracemalloc.get_object_traceback(mine) is not None
        back = ctracemalloc.uninstall()
        after = [theirs[0](), tracemalloc.get_traceback_limit(), ctracemalloc.is_tracing()]
        show(type=type(snapshot).__module__, limit=snapshot.traceback_limit, sizes=len(sizes),
             distinct=len(set(sizes)), frames=frames, during=during, traced=traced, after=after,
             back=any(t.size == 3033 for t in back.traces))
        """,
    )
    assert found["type"].split(".")[0] == "ctracemalloc"
    assert found["limit"] == 7
    assert found["sizes"] == found["distinct"] == 64
    assert 1 <= found["frames"] <= 7
    assert found["during"] == [False, True, 7]
    assert found["traced"]
    assert found["after"] == [True, 7, False]
    assert found["back"]


def test_started_from_the_command_line_of_the_interpreter(env: Environment) -> None:
    found = run(
        env,
        """
        import ctracemalloc
        snapshot = ctracemalloc.install()
        show(limit=ctracemalloc.get_traceback_limit(), traces=len(snapshot.traces))
        """,
        "-X",
        "tracemalloc=3",
    )
    assert found["limit"] == 3
    assert found["traces"] > 100


def test_failure_to_start_changes_nothing(env: Environment) -> None:
    found = run(
        env,
        """
        import tracemalloc
        tracemalloc.start(2)
        import ctracemalloc, sys
        def start(limit):
            raise RuntimeError("no")
        real, ctracemalloc.start = ctracemalloc.start, start
        try:
            ctracemalloc.install()
        except RuntimeError as error:
            said = str(error)
        ctracemalloc.start = real
        show(said=said, on=tracemalloc.is_tracing(), limit=tracemalloc.get_traceback_limit(),
             in_place=sys.modules["tracemalloc"] is tracemalloc,
             then=len(ctracemalloc.install().traces) > 0)
        """,
    )
    assert found == {
        "said": "no",
        "on": True,
        "limit": 2,
        "in_place": True,
        "then": True,
        "stderr": "",
    }


def test_many_threads(env: Environment) -> None:
    found = run(
        env,
        """
        import sys, threading, tracemalloc as held
        theirs = held.start
        import ctracemalloc
        sys.setswitchinterval(1e-6)
        wrong = []
        def turn(call):
            try:
                for _ in range(200):
                    call()
            except BaseException as error:
                wrong.append(repr(error))
        threads = [threading.Thread(target=turn, args=(call,))
                   for call in (ctracemalloc.install, ctracemalloc.uninstall) * 4]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        ctracemalloc.uninstall()
        show(wrong=wrong, back=sys.modules["tracemalloc"] is held and held.start is theirs)
        """,
    )
    assert found["wrong"] == []
    assert found["back"]


def test_fork_while_another_thread_installs(env: Environment) -> None:
    found = run(
        env,
        """
        import os, threading, time
        import ctracemalloc
        from ctracemalloc import takeover
        held = threading.Event()
        def hold():
            with takeover._lock:
                held.set()
                time.sleep(60)
        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        pid = os.fork()
        if pid == 0:
            ctracemalloc.install()
            os._exit(11)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        show(status=status)
        """,
        "-W",
        "ignore",
    )
    assert found["status"] == 11


def test_pickle_of_a_dump_by_the_standard_library(env: Environment) -> None:
    found = run(
        env,
        """
        import os, pickle, tempfile, tracemalloc
        tracemalloc.start(5)
        kept = [bytes(1000 + i) for i in range(32)]
        theirs = tracemalloc.take_snapshot()
        tracemalloc.stop()
        path = os.path.join(tempfile.mkdtemp(), "dump")
        theirs.dump(path)
        want = sorted((t.domain, t.size, t.traceback.total_nframe,
                       [(f.filename, f.lineno) for f in t.traceback]) for t in theirs.traces)
        lines = [str(s) for s in theirs.statistics("traceback")]
        import ctracemalloc
        ctracemalloc.install()
        with open(path, "rb") as file:
            ours = pickle.load(file)
        got = sorted((t.domain, t.size, t.traceback.total_nframe,
                      [(f.filename, f.lineno) for f in t.traceback]) for t in ours.traces)
        show(type=type(ours) is ctracemalloc.Snapshot, limit=ours.traceback_limit,
             equal=got == want, count=len(got),
             lines=[str(s) for s in ours.statistics("traceback")] == lines)
        """,
    )
    assert found["type"]
    assert found["limit"] == 5
    assert found["count"] >= 32
    assert found["equal"]
    assert found["lines"]


def test_pickle_of_what_the_standard_library_made_before(env: Environment) -> None:
    """The classes of old objects are not found by their names; they are pickled as ours."""
    found = run(
        env,
        """
        import copyreg, copy, os, pickle, tempfile, tracemalloc
        tracemalloc.start(3)
        kept = [bytes(1234) for _ in range(7)]
        old = tracemalloc.take_snapshot()
        parts = [old.traces[0], old.traces[0].traceback, old.traces[0].traceback[0],
                 old.statistics("lineno")[0], old.compare_to(old, "lineno")[0],
                 tracemalloc.Filter(False, "*x*", lineno=3), tracemalloc.DomainFilter(True, 5)]
        classes = [type(old), *map(type, parts)]
        reducers = dict(copyreg.dispatch_table)
        import ctracemalloc
        ctracemalloc.install()
        path = os.path.join(tempfile.mkdtemp(), "old.pickle")
        old.dump(path)
        loaded = tracemalloc.Snapshot.load(path)
        def same(one):
            return ([str(s) for s in one.statistics("traceback")]
                    == [str(s) for s in old.statistics("traceback")])
        pickled = {}
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps([old, *parts], protocol))
            pickled[protocol] = (
                [type(one).__module__ for one in again] == ["ctracemalloc"] * len(again)
                and [type(one).__name__ for one in again] == [cls.__name__ for cls in classes]
                and [repr(one) for one in again[1:-2]] == [repr(one) for one in parts[:-2]]
                and (again[-2].lineno, again[-1].domain) == (3, 5)
                and same(again[0]))
        copied = same(copy.deepcopy(old))
        ctracemalloc.uninstall()
        restored = copyreg.dispatch_table == reducers
        stdlib = type(pickle.loads(pickle.dumps(old))) is classes[0]
        show(loaded=same(loaded), pickled=pickled, copied=copied, restored=restored, stdlib=stdlib)
        """,
    )
    assert len(found["pickled"]) > 4
    assert all(found["pickled"].values()), found
    for what in ("loaded", "copied", "restored", "stdlib"):
        assert found[what], what


def test_resource_warning_tells_where(env: Environment, tmp_path: Any) -> None:
    program = tmp_path / "leak.py"
    program.write_text(
        "import ctracemalloc, os\n"
        "ctracemalloc.install()\n"
        "ctracemalloc.start(5)\n"
        "def leak():\n"
        "    handle = open(os.devnull)\n"
        "leak()\n"
        "ctracemalloc.stop()\n"
        "leak()\n"
    )
    done = env.run("-W", "default", program)
    assert done.returncode == 0
    first, second = done.stderr.split("ResourceWarning: unclosed file")[1:]
    assert "Object allocated at (most recent call last)" in first
    assert f'File "{program}", lineno 6' in first
    assert f'File "{program}", lineno 5' in first
    assert "handle = open(os.devnull)" in first
    assert "Enable tracemalloc to get the object allocation traceback" in second
