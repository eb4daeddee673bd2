"""What snapshots are looked at with is loaded when it is needed, and leaves no trace itself."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import ctracemalloc._engine as engine
import pytest
from api_support import ours
from fresh_environment import IMPORTS

_CLASSES = "ctracemalloc._model"


def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", code], check=True, capture_output=True, text=True
    )


@pytest.fixture
def tracing() -> Iterator[None]:
    ours.start(25)
    yield
    ours.stop()


def is_traced(block: object) -> bool:
    return engine._get_object_traceback(block) is not None


def test_who_only_traces_loads_no_classes() -> None:
    code = f"""if True:
        import sys, ctracemalloc
        ctracemalloc.start(3)
        assert ctracemalloc.get_traced_memory()[0] >= 0
        assert ctracemalloc.get_object_traceback(len) is None
        assert {_CLASSES!r} not in sys.modules
        ctracemalloc.take_snapshot()
        assert {_CLASSES!r} in sys.modules
    """
    run(code)


@pytest.mark.parametrize("at", ["now", "peak", "churn", "reuse"])
def test_loading_leaves_no_trace(at: str) -> None:
    code = f"""if True:
        import ctracemalloc
        ctracemalloc.start(25)
        before = ctracemalloc.get_traced_memory()
        snapshot = ctracemalloc.take_snapshot(at={at!r})
        after = ctracemalloc.get_traced_memory()
        assert all(new - old < 2048 for new, old in zip(after, before)), (before, after)
        again = ctracemalloc.take_snapshot(at={at!r})
        for one in snapshot, again:
            files = [str(statistic.traceback) for statistic in one.statistics("filename", True)]
            assert not [name for name in files if "importlib" in name], files
    """
    run(code)


def test_a_fork_meanwhile_waits_for_what_is_being_loaded() -> None:
    """Its child would have the collector off, and wait for ever for half a module."""
    code = """if True:
        import gc, os, signal, sys, threading, time, ctracemalloc, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        begun = threading.Event()
        def fork():
            begun.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                ctracemalloc.take_snapshot()
                os._exit(0 if gc.isenabled() else 1)
            statuses.append(os.waitpid(child, 0)[1])
        def hook(event, arguments):
            if event == "exec" and arguments[0].co_filename.endswith("_snapshot.py"):
                begun.set()
                time.sleep(0.2)     # for the other thread to come to its fork
        statuses = []
        ctracemalloc.start()
        thread = threading.Thread(target=fork)
        thread.start()
        sys.addaudithook(hook)
        ctracemalloc.take_snapshot()
        thread.join()
        assert statuses == [0] and gc.isenabled(), statuses
    """
    run(code)


@pytest.mark.parametrize("imports", IMPORTS)
def test_what_writes_files_is_loaded_with_it(tmp_path: Path, imports: list[str]) -> None:
    """Else it would be the growth that a second snapshot shows."""
    code = f"""if True:
        import ctracemalloc
        ctracemalloc.start(25)
        snapshot = ctracemalloc.take_snapshot()
        before = ctracemalloc.get_traced_memory()[0]
        snapshot.dump({str(tmp_path / "x.ctm")!r}, command=True)
        after = ctracemalloc.get_traced_memory()[0]
        assert after - before < 2048, (before, after)
    """
    run(code, *imports)


@pytest.mark.parametrize(
    "use",
    [
        "ctracemalloc.Snapshot([], 1)",
        "ctracemalloc.Filter(True, '*')",
        "ctracemalloc.get_object_traceback(block)",
        "ctracemalloc._format_size(1, False)",
        "from ctracemalloc import Snapshot",
        "pickle.loads(frame)",
    ],
)
def test_each_use_loads_without_a_trace(use: str) -> None:
    frame = pickle.dumps(ours.Frame(("a.py", 1)))
    code = f"""if True:
        import pickle, ctracemalloc
        frame = {frame!r}
        ctracemalloc.start(25)
        block = bytearray(100)
        {use}
        churn = ctracemalloc.take_snapshot(at="churn").statistics("filename", True)
        files = [str(statistic.traceback) for statistic in churn]
        assert not [name for name in files if "_bootstrap_external" in name], files
    """
    run(code)


# Every function and method that may be the first to need a module.
_USES = {
    "BaseFilter": "t.BaseFilter(True)",
    "DomainFilter": "first.filter_traces([t.DomainFilter(False, 7)])",
    "Filter": "first.filter_traces([t.Filter(True, '*')])",
    "Filter by function": "first.filter_traces([t.Filter(True, '*', function_pattern='*')])",
    "Filter by module": "first.filter_traces([t.Filter(True, '*', module_pattern='*')])",
    "Filter of one's own": "first.filter_traces([Own(True, '*')])",
    "Filter of the churn": "churn.filter_traces([Own(True, '*')])",
    "Filter of an inexact churn": "inexact.filter_traces([Own(True, '*')])",
    "Snapshot.compare_to": "second.compare_to(first, 'lineno')",
    "Snapshot.dump": "second.dump({path!r}, labels={{}}, host=True, command=True)",
    "Snapshot.load": "t.Snapshot.load({path!r})",
    "Snapshot.merge": "t.Snapshot.merge(first, second)",
    "Snapshot.statistics": "churn.statistics('traceback')",
    "Snapshot.statistics of an inexact churn": "inexact.statistics('function', True)",
    "Snapshot.tree": "first.tree()[0].children",
    "Snapshot._repr_html_": "first._repr_html_()",
    "Statistic._repr_html_": "t.Statistic(stack, 1, 1)._repr_html_()",
    "StatisticDiff._repr_html_": "t.StatisticDiff(stack, 1, 1, 1, 1)._repr_html_()",
    "Traceback.format": "stack.format()",
    "Tree": "t.Tree",
    "clear_traces": "t.clear_traces()",
    "domain_name": "t.domain_name(7)",
    "fnmatch": "t.fnmatch",
    "get_include": "t.get_include()",
    "get_object_traceback": "t.get_object_traceback(stack)",
    "install": "t.install()",
    "is_installed": "t.is_installed()",
    "linecache": "t.linecache",
    "load_ipython_extension": "t.load_ipython_extension",
    "name_domain": "t.name_domain(7, 'seven')",
    "pickle": "t.pickle",
    "take_snapshot": "t.take_snapshot()",
    "total_ordering": "t.total_ordering",
    "uninstall": "t.uninstall()",
}


@pytest.mark.parametrize("imports", IMPORTS)
@pytest.mark.parametrize("use", _USES.values(), ids=_USES.keys())
def test_no_first_call_is_growth(use: str, imports: list[str], tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("x = 1\n")
    use = use.format(path=str(tmp_path / "x.ctm"))
    code = f"""if True:
        import ctracemalloc as t
        t.start(25)
        block = bytearray(100)
        first, second, churn = t.take_snapshot(), t.take_snapshot(), t.take_snapshot(at="churn")
        second.dump({str(tmp_path / "x.ctm")!r})
        stack = t.Traceback((({str(source)!r}, 1),))
        class Own(t.Filter): pass
        inexact = t.Snapshot(churn.traces._traces.with_about({{"callers": False}}), 25)
        def growth():
            t.reset_peak()
            before = t.get_traced_memory()[0]
            {use}
            now, peak = t.get_traced_memory()
            return now - before, peak - before
        (first_growth, first_peak), (again, peak_again) = growth(), growth()
        assert first_growth < again + 8192, (first_growth, again)
        # A file that is read may take a buffer of 128 KiB.
        assert first_peak < peak_again + 200_000, (first_peak, peak_again)
        churn = t.take_snapshot(at="churn").statistics("filename", True)
        files = [str(statistic.traceback) for statistic in churn]
        assert not [name for name in files if "_bootstrap_external" in name], files
    """
    run(code, *imports)


def test_each_name_has_its_first_call() -> None:
    used = {name.split(".")[0].split(" ")[0] for name in _USES}
    plain = {"FormatError", "Frame", "Iterable", "Sequence", "Trace", "TreeNode", "os"}
    in_engine = {name for name in ours.__all__ if hasattr(engine, name)}
    assert set(ours.__all__) <= used | plain | in_engine


def test_no_more_grows_than_with_the_standard_library(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("""if True:
        import importlib, sys
        tracemalloc = importlib.import_module(sys.argv[1])
        tracemalloc.start(5)
        filters = [tracemalloc.Filter(False, "<unknown>"), tracemalloc.Filter(True, __file__)]
        before = tracemalloc.get_traced_memory()[0]
        first = tracemalloc.take_snapshot()
        kept = [bytes(100) for _ in range(100)]
        second = tracemalloc.take_snapshot()
        diffs = second.filter_traces(filters).compare_to(first.filter_traces(filters), "lineno")
        lines = diffs[0].traceback.format()
        # What the analysis keeps differs, and is not what this is about.
        del first, second, diffs, lines
        print(*(number - before for number in tracemalloc.get_traced_memory()))
    """)
    growths = []
    for module in "ctracemalloc", "tracemalloc":
        command = [sys.executable, str(program), module]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        growths.append([int(number) for number in answer.split()])
    assert all(ours < theirs + 16384 for ours, theirs in zip(*growths, strict=True)), growths


def test_what_a_program_loads_is_growth_also_where_it_asks_us(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text("""if True:
        import ctracemalloc
        ctracemalloc.take_snapshot().filter_traces([ctracemalloc.Filter(True, "*")]).tree()
        kept = [bytes(100) for _ in range(1000)]
        class Keeps(ctracemalloc.Filter):
            def _match(self, trace):
                kept.append(bytes(100_000))
                return True
        ctracemalloc.Snapshot([(0, 1, (("a.py", 1),), 1)], 1).filter_traces([Keeps(True, "*")])
    """)
    code = f"""if True:
        import sys, ctracemalloc
        sys.path.insert(0, {str(tmp_path)!r})
        ctracemalloc.start()
        import client
        traced = sum(s.size for s in ctracemalloc.take_snapshot().filter_traces(
            [ctracemalloc.Filter(True, client.__file__)]).statistics("lineno"))
        assert traced > 1000 * 133 + 100_033, traced
    """
    run(code)


def test_threads_that_load_a_module_at_once() -> None:
    code = """if True:
        import sys, threading, ctracemalloc
        sys.setswitchinterval(1e-6)
        ctracemalloc.start(25)
        snapshot = ctracemalloc.take_snapshot()
        barrier, answers = threading.Barrier(8), []
        def use():
            barrier.wait()
            answers.append(len(snapshot.filter_traces([ctracemalloc.Filter(True, "*")]).tree()))
            answers.append(ctracemalloc.linecache.getline is not None)
        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(answers) == 16 and all(answers), answers
    """
    run(code)


def test_classes_say_where_users_find_them() -> None:
    for name in ours.__all__:
        value = getattr(ours, name)
        if isinstance(value, type) and value.__module__.startswith("ctracemalloc._"):
            assert name in ("Tree", "TreeNode"), value


def test_a_class_that_was_taken_away_is_there_again() -> None:
    snapshot = ours.Snapshot
    del ours.Snapshot
    assert ours.Snapshot is snapshot


def test_threads_that_load_at_once() -> None:
    code = """if True:
        import sys, threading, ctracemalloc
        sys.setswitchinterval(1e-6)
        ctracemalloc.start(25)
        barrier, answers = threading.Barrier(8), []
        def use():
            barrier.wait()
            answers.append(ctracemalloc.take_snapshot().__class__)
            answers.append(ctracemalloc.Snapshot)
        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert answers == [ctracemalloc.Snapshot] * 16
        block = bytearray(1000)
        assert ctracemalloc.get_object_traceback(block) is not None
    """
    run(code)


def test_an_error_in_loading_is_told() -> None:
    code = """if True:
        import sys, ctracemalloc
        ctracemalloc.start()
        sys.modules["ctracemalloc._grouping"] = None
        try:
            ctracemalloc.take_snapshot()
        except ImportError:
            pass
        else:
            raise AssertionError("nothing was told")
        block = bytearray(1000)
        del sys.modules["ctracemalloc._grouping"]
        assert ctracemalloc.get_object_traceback(block) is not None
    """
    run(code)


def test_finalizers_do_not_run_while_it_loads() -> None:
    code = """if True:
        import gc, ctracemalloc
        gc.set_threshold(1)
        answers = []
        class Cycle:
            def __init__(self):
                self.itself, self.block = self, bytearray(100)
            def __del__(self):
                answers.append(ctracemalloc.get_object_traceback(self.block))
        ctracemalloc.start(5)
        gc.disable()
        Cycle()
        gc.enable()
        ctracemalloc.take_snapshot()
        assert gc.isenabled()
        gc.collect()
        assert len(answers) == 1 and "<string>" in str(answers[0]), answers
    """
    run(code)


@pytest.mark.usefixtures("tracing")
class TestOverlook:
    def test_what_is_allocated_has_no_trace(self) -> None:
        before = ours.get_traced_memory()[0]
        kept = engine._overlook(lambda: [bytearray(1000) for _ in range(100)])
        assert ours.get_traced_memory()[0] - before < 2048
        assert not any(map(is_traced, kept))
        assert is_traced(bytearray(1000))

    def test_what_is_freed_has_none_either(self) -> None:
        before = ours.get_traced_memory()[0]
        blocks = [bytearray(1000) for _ in range(100)]
        engine._overlook(blocks.clear)
        assert ours.get_traced_memory()[0] - before < 2048

    def test_what_is_moved_has_none(self) -> None:
        growing = [bytearray(1000) for _ in range(100)]
        before = ours.get_traced_memory()[0]
        size = sys.getsizeof(growing)
        engine._overlook(lambda: growing.extend([None] * 10_000))  # type: ignore[list-item]
        assert size - 500 < before - ours.get_traced_memory()[0] < size + 500
        growing.clear()
        assert ours.get_traced_memory()[0] < before

    def test_what_comes_from_a_free_list_stays_where_it_was(self) -> None:
        pairs = [float(number) for number in range(10)]
        kept = [id(pair) for pair in pairs]
        pairs.clear()
        places = ours.get_traced_memory()[0]
        again = engine._overlook(lambda: [number / 2 for number in range(1, 11)])
        assert set(kept) & {id(number) for number in again}
        assert abs(ours.get_traced_memory()[0] - places) < 2048
        reuse = ours.take_snapshot(at="reuse").statistics("lineno", True)
        assert "<lambda>" not in str(reuse)

    def test_it_hands_over_results_and_errors(self) -> None:
        assert engine._overlook(lambda: 5) == 5
        with pytest.raises(ZeroDivisionError):
            engine._overlook(lambda: 1 / 0)
        assert is_traced(bytearray(1000))

    def test_calls_in_calls(self) -> None:
        def outer() -> bytearray:
            engine._overlook(int)
            return bytearray(1000)

        assert not is_traced(engine._overlook(outer))
        assert is_traced(bytearray(1000))

    def test_other_threads_are_traced(self) -> None:
        made: list[bytearray] = []

        def elsewhere() -> None:
            thread = threading.Thread(target=lambda: made.append(bytearray(1000)))
            thread.start()
            thread.join()

        engine._overlook(elsewhere)
        assert is_traced(made[0])

    @pytest.mark.parametrize("is_child_inside", [False, True])
    def test_forks(self, is_child_inside: bool) -> None:
        def child() -> int:
            return 0 if is_traced(bytearray(1000)) != is_child_inside else 1

        def fork() -> int:
            process = os.fork()
            if process == 0 and is_child_inside:
                os._exit(child())
            return process

        process = engine._overlook(fork)
        if process == 0:
            os._exit(child())
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
        assert is_traced(bytearray(1000))


def test_no_block_of_the_loading_comes_back_from_a_free_list() -> None:
    code = """if True:
        import ctracemalloc, gc
        from ctracemalloc import _engine
        gc.collect()
        ctracemalloc.start()
        warm = [[[], {}, {0: 0}, number / 7, number << 40] for number in range(300)]
        del warm
        ctracemalloc.take_snapshot()
        made = [[[], {}, {0: 0}, number / 7, number << 40] for number in range(300)]
        made += [tuple([None] * length) for length in range(1, 21) for _ in range(50)]
        without = [one for each in made for one in (each, *each) if one is not None]
        without = [one for one in without if _engine._get_object_traceback(one) is None]
        assert all(one == 0 for one in without), without[:5]
    """
    run(code)


def test_no_keys_of_dicts_come_back_from_their_free_list() -> None:
    """They are no objects, so their traces show in the count of their line alone."""
    code = """if True:
        import ctracemalloc, gc
        from ctracemalloc import _engine
        ctracemalloc.start()
        ctracemalloc.take_snapshot()
        gc.collect()
        _engine._overlook(lambda: [{"a": 0} for _ in range(100)].clear())
        made = [{"a": 0} for _ in range(300)]
        statistics = ctracemalloc.take_snapshot().statistics("lineno")
        [count] = [each.count for each in statistics if str(each.traceback) == "<string>:8"]
        # What few a free list had before are of the line that they were of.
        assert count > 2 * len(made) - 20, count
    """
    run(code)
