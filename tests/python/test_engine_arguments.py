"""The extension's own functions with what they must refuse: an exception that names it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctracemalloc
import pytest
from ctracemalloc import _engine

engine: Any = _engine
TRACES = [(0, 5, (("a.py", 1),), 1), (7, 6, (("b.py", 2), ("a.py", 1)), 2)]
EMPTY = (0, 0, (("a.py", 1),), 1)


class Unanswerable:
    """Neither true nor false, nor equal or unequal to anything."""

    def __bool__(self) -> bool:
        raise LookupError("no answer")

    def __eq__(self, other: object) -> bool:
        raise LookupError("no answer")


class Seven:
    """An integer of another type, as numpy's are."""

    def __index__(self) -> int:
        return 7


def test_integers_of_any_type_are_numbers() -> None:
    ctracemalloc.start()
    try:
        assert engine.track(Seven(), Seven(), Seven())
        assert (7, 7) in [trace[:2] for trace in engine._get_traces()]
        engine.untrack(Seven(), Seven())
        assert (7, 7) not in [trace[:2] for trace in engine._get_traces()]
    finally:
        ctracemalloc.stop()


@pytest.fixture
def table() -> Any:
    return engine.SnapshotTable(TRACES, nframe=2)


@pytest.fixture
def huge() -> Any:
    """Stands for 2**63 traces of no bytes."""
    table = engine.SnapshotTable([EMPTY])
    for _ in range(63):
        table = engine.SnapshotTable.merge([table, table], {})
    return table


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: engine.track(1, 2), TypeError, "track expected 3 arguments, got 2"),
        (lambda: engine.untrack(1), TypeError, "untrack expected 2 arguments, got 1"),
        (lambda: engine.track("1", 2, 3), TypeError, "int"),
        (lambda: engine.track(-1, 2, 3), OverflowError, "negative"),
        (lambda: engine.track(2**32, 2, 3), OverflowError, r"domain must be in range"),
        (lambda: engine.track(1, 2**64, 3), OverflowError, "too large"),
        (lambda: engine.untrack(1, None), TypeError, "int"),
        (lambda: engine._take_table("bogus"), ValueError, "unknown kind of snapshot: 'bogus'"),
        (lambda: engine._take_table(1), TypeError, "str"),
        (lambda: engine.module_name(b"a.py"), TypeError, "a file name must be a str, not bytes"),
        (lambda: engine.start(1, total_nframe=Unanswerable()), LookupError, "no answer"),
        (
            lambda: engine.start(folow_reuse=False),
            TypeError,
            r"unexpected keyword argument 'folow_reuse': there are total_nframe, follow_reuse and",
        ),
        (lambda: engine.SnapshotTable(), TypeError, "argument"),
        (lambda: engine.SnapshotTable.merge("x"), TypeError, "merge"),
        (lambda: engine.SnapshotTable.merge([], []), TypeError, "dict"),
        (lambda: engine.SnapshotTable.decode("text"), TypeError, "expected bytes, not str"),
        (lambda: engine.SnapshotTable._restore(b"junk"), engine.FormatError, "not a snapshot file"),
    ],
)
def test_functions_refuse(call: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
    assert not engine.is_tracing()


@pytest.mark.parametrize(
    ("method", "arguments", "error", "text"),
    [
        ("statistics", ("bogus", False), ValueError, "unknown key_type: 'bogus'"),
        ("statistics", ("lineno",), TypeError, "statistics"),
        ("compare", ([], "lineno", False), TypeError, "SnapshotTable"),
        ("compare", (None, "bogus", False), ValueError, "unknown key_type: 'bogus'"),
        ("tree", ("traceback", False), ValueError, "a tree has no key_type 'traceback'"),
        ("tree", ("bogus", False), ValueError, "unknown key_type: 'bogus'"),
        ("encode", ([],), TypeError, "expected a dict, not list"),
        ("encode", ({1: 2},), ValueError, "1 cannot be saved"),
        ("with_about", ([],), TypeError, "expected a dict, not list"),
        ("with_about", ({"a": object()},), ValueError, "'a' cannot be saved"),
        ("filter", (1,), TypeError, "iterable"),
        ("filter", ([1],), TypeError, "a filter must be a tuple"),
        ("filter", ([()],), TypeError, "filter"),
        ("filter", ([(True, None, "1", False, None)],), TypeError, "int"),
        ("filter", ([(True, None, None, False, "1")],), TypeError, "int"),
        (
            "filter",
            ([(True, lambda _: Unanswerable(), None, False, None)],),
            LookupError,
            "no answer",
        ),
        ("select", (b"\1",), ValueError, "expected 2 bytes, one for each row"),
    ],
)
def test_tables_refuse(
    table: Any, method: str, arguments: tuple[Any, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        getattr(table, method)(*arguments)
    assert list(table) == TRACES


def test_what_comparing_raises_is_raised(table: Any) -> None:
    with pytest.raises(LookupError):
        _ = Unanswerable() in table
    with pytest.raises(LookupError):
        _ = table == [Unanswerable(), Unanswerable()]
    assert table != [Unanswerable()]


def test_more_traces_than_an_index_can_count(huge: Any) -> None:
    with pytest.raises(OverflowError, match="index-sized"):
        len(huge)
    with pytest.raises(OverflowError, match="index-sized"):
        huge[:1]
    with pytest.raises(OverflowError, match="too large"):
        engine.SnapshotTable.merge([huge, huge], {})
    traces = iter(huge)
    assert traces.__length_hint__() == 0
    assert next(traces) == EMPTY


def test_statistics_need_the_package() -> None:
    """The extension alone has no class for them, and says so."""
    code = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("_engine", sys.argv[1])
engine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(engine)
table = engine.SnapshotTable([(0, 5, (("a.py", 1),), 1)])
for method, before in ("statistics", ()), ("compare", (table,)):
    try:
        getattr(table, method)(*before, "lineno", False)
    except RuntimeError as error:
        assert "ctracemalloc is not there" in str(error), error
    else:
        raise AssertionError("no error")
"""
    subprocess.run([sys.executable, "-I", "-c", code, engine.__file__], check=True)


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    def refuse(descriptor: int) -> None:
        os.write(descriptor, b"half")
        raise LookupError("no content")

    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(LookupError, match="no content"):
        engine._save(file, refuse)
    with pytest.raises(TypeError):
        engine._save(file, None)
    with pytest.raises(TypeError):
        engine._save(1, refuse)
    with pytest.raises(IsADirectoryError) as caught:
        engine._save(tmp_path, refuse)
    assert caught.value.filename == tmp_path
    assert [(path, path.read_text()) for path in tmp_path.iterdir()] == [(file, "old")]


def test_where_a_path_leads(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("file")
    with pytest.raises(FileNotFoundError) as caught:
        engine._follow_path(link)
    assert caught.value.filename == link
    (tmp_path / "file").touch()
    assert engine._follow_path(link) == (str(tmp_path / "file"), False)
    assert engine._follow_path(os.fsencode(link)) == (str(tmp_path / "file"), False)
    assert engine._follow_path("/dev/fd/1") == ("/dev/fd/1", True)
    with pytest.raises(TypeError):
        engine._follow_path(1)


def test_how_many_files_may_be_open() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] - 10, before[1]))
        for more, allowed, limit in ((3, 3, -7), (100, 7, 0), (1, 0, 0), (-10, -10, -10)):
            assert engine._allow_files(more) == allowed
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1] + limit, before[1])
        # More than there are.
        assert engine._allow_files(-before[1]) == 0
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1] - 10, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    with pytest.raises(TypeError):
        engine._allow_files("1")
    with pytest.raises(OverflowError):
        engine._allow_files(2**64)
