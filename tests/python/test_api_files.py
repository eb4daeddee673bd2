"""Snapshot.dump() and Snapshot.load(): our files, and the standard library's dumps."""

from __future__ import annotations

import io
import os
import pickle
import platform
import random
import struct
import tracemalloc as stdlib
from pathlib import Path
from typing import Any

import pytest
from api_support import many_cases, ours, outcome, patient, plain_traces
from ctracemalloc import _files
from ctracemalloc._engine import SnapshotTable
from hypothesis import given
from hypothesis import strategies as st

pytestmark = patient

DUMPS = sorted(Path(__file__).with_name("dumps").glob("*.pickle"))
TRACES: list[Any] = [
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (1, 2, (("\ud800\x00", 2**32 - 1),), None),
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (2, 2**40, (), 0),
]

atoms = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-300, 300)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None), max_size=5)
    | st.binary(max_size=5)
)
hashable = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5)
plain_data = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashable, inner, max_size=3)
    ),
    max_leaves=10,
)


def types_within(value: Any) -> Any:
    """The types of a value and of all that it holds, which `==` does not compare."""
    if isinstance(value, dict):
        return dict, [(types_within(k), types_within(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [types_within(item) for item in value]
    return type(value), repr(value) if isinstance(value, float) else None


def assert_same(again: Any, snapshot: Any) -> None:
    assert type(again) is ours.Snapshot
    assert list(again.traces._traces) == list(snapshot.traces._traces)
    left = {name: value for name, value in vars(again).items() if name != "traces"}
    right = {name: value for name, value in vars(snapshot).items() if name != "traces"}
    assert left == right
    assert types_within(sorted(left.items())) == types_within(sorted(right.items()))


@many_cases
@given(plain_traces(), st.dictionaries(st.text(max_size=4), plain_data, max_size=3), plain_data)
def test_what_is_dumped_is_loaded(traces: list[Any], extra: dict[str, Any], limit: Any) -> None:
    extra.pop("traces", None)
    for content in (traces, tuple(traces), SnapshotTable(traces, nframe=5)):
        snapshot = ours.Snapshot(content, limit)
        vars(snapshot).update(extra)
        file = io.BytesIO()
        snapshot.dump(file)
        file.seek(0)
        assert_same(ours.Snapshot.load(file), snapshot)


def test_ints_of_all_lengths() -> None:
    edges = [sign * (2**bits + step) for bits in range(140) for sign in (1, -1) for step in (-1, 0)]
    snapshot: Any = ours.Snapshot(TRACES, 2)
    snapshot.number = 2**70
    snapshot.numbers = [*edges, 1 << 20_000, -(1 << 20_000)]
    file = io.BytesIO()
    snapshot.dump(file)
    file.seek(0)
    assert_same(ours.Snapshot.load(file), snapshot)


@pytest.mark.parametrize("limit", [0, 1, 25, 2**32 - 1, 2**32, -1, None, True, 1.5, "x"])
def test_limits(limit: Any, tmp_path: Path) -> None:
    snapshot = ours.Snapshot(SnapshotTable(TRACES, nframe=25), limit)
    snapshot.dump(tmp_path / "x.ctm")
    assert_same(ours.Snapshot.load(tmp_path / "x.ctm"), snapshot)


def test_ways_to_name_a_file(tmp_path: Path) -> None:
    snapshot = ours.Snapshot(TRACES, 2)
    path = tmp_path / "x.ctm"
    for target in (path, str(path), os.fsencode(path)):
        snapshot.dump(target, fsync=True)
        assert_same(ours.Snapshot.load(target), snapshot)
        path.unlink()
    with path.open("wb") as file:
        snapshot.dump(file, fsync=True)
    with path.open("rb") as file:
        assert_same(ours.Snapshot.load(file), snapshot)
    snapshot.dump(os.open(path, os.O_WRONLY | os.O_TRUNC))
    assert_same(ours.Snapshot.load(os.open(path, os.O_RDONLY)), snapshot)


def test_files_that_give_a_little_at_a_time() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size > 0
            return super().read(min(size, 7))

    for content in (SnapshotTable(TRACES).encode({}), as_dump(TRACES)):
        assert list(ours.Snapshot.load(Slow(content)).traces._traces) == TRACES


class Slow(io.RawIOBase):
    """A raw file that takes a little at a time, and `room` bytes at most."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.content = b""

    def write(self, content: Any, /) -> int | None:
        part = bytes(content[: min(7, self.room - len(self.content))])
        self.content += part
        return len(part) or None


def test_files_that_take_a_little_at_a_time(tmp_path: Path) -> None:
    snapshot = ours.Snapshot(TRACES, 2)
    whole = io.BytesIO()
    snapshot.dump(whole)
    file: Any = Slow(2**20)
    snapshot.dump(file)
    assert file.content == whole.getvalue()
    full: Any = Slow(50)
    with pytest.raises(BlockingIOError) as caught:
        snapshot.dump(full)
    assert caught.value.characters_written == 50
    with (tmp_path / "raw").open("wb", buffering=0) as raw:
        snapshot.dump(raw)
    assert (tmp_path / "raw").read_bytes() == whole.getvalue()


def test_what_other_files_return_is_not_looked_at() -> None:
    class Packs(io.BytesIO):
        def write(self, content: Any, /) -> int:
            super().write(content)
            return 1

    file = Packs()
    ours.Snapshot(TRACES, 2).dump(file)
    file.seek(0)
    assert list(ours.Snapshot.load(file).traces._traces) == TRACES


def test_files_that_do_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            given.append(min(size or 0, 64))
            return b"\x80" * given[-1]

    monkeypatch.setattr(_files, "_MOST_BYTES", 1000)
    with pytest.raises(ours.FormatError):
        ours.Snapshot.load(Endless())
    assert sum(given) == 1001


def test_what_is_no_file(tmp_path: Path) -> None:
    snapshot = ours.Snapshot(TRACES, 2)
    with pytest.raises(FileNotFoundError) as caught:
        ours.Snapshot.load(tmp_path / "nothing")
    assert caught.value.filename == str(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError) as caught:
        snapshot.dump(tmp_path / "no folder" / "x.ctm")
    assert caught.value.filename == str(tmp_path / "no folder" / "x.ctm")
    with pytest.raises(OSError, match="directory"):
        snapshot.dump(tmp_path)
    nothings: list[Any] = [None, 1.5, []]
    for bad in nothings:
        with pytest.raises(TypeError):
            ours.Snapshot.load(bad)
        with pytest.raises(TypeError):
            snapshot.dump(bad)
    with pytest.raises(TypeError, match=r"binary: read\(\) returned str"):
        ours.Snapshot.load(io.StringIO("x"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="null byte"):
        ours.Snapshot.load("a\0b")
    errors = []
    for load in (ours.Snapshot.load, stdlib.Snapshot.load):
        with pytest.raises(IsADirectoryError) as refused:
            load(str(tmp_path))
        errors.append(str(refused.value))
    assert errors[0] == errors[1]
    os.mkfifo(tmp_path / "fifo")
    for path, text in ((tmp_path / "fifo", "FIFO"), ("/dev/null", "device")):
        with pytest.raises(ours.FormatError, match=text):
            ours.Snapshot.load(path)


class Odd:
    pass


@pytest.mark.parametrize(
    "value",
    [{1}, Odd(), Odd, {"x": [Odd()]}, 1j, bytearray(b"x"), range(3), type("Int", (int,), {})(3)],
)
def test_attributes_that_cannot_be_saved(value: Any, tmp_path: Path) -> None:
    snapshot = ours.Snapshot(TRACES, 2)
    snapshot.note = value  # type: ignore[attr-defined]
    (tmp_path / "x.ctm").write_bytes(b"before")
    file = io.BytesIO()
    for target in tmp_path / "x.ctm", file:
        with pytest.raises(ValueError, match=r"^'note' cannot be saved: .* is not plain data"):
            snapshot.dump(target)
    assert file.getvalue() == b""
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_attributes_that_hold_themselves() -> None:
    snapshot = ours.Snapshot(TRACES, 2)
    endless: list[Any] = []
    endless.append(endless)
    snapshot.note = endless  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"^'note' cannot be saved: it is nested deeper"):
        snapshot.dump(io.BytesIO())


def test_traces_that_cannot_be_saved() -> None:
    with pytest.raises(ValueError, match=r"^trace 1: a size must be an int"):
        ours.Snapshot([*TRACES[:1], (0, -1, (), 1)], 2).dump(io.BytesIO())
    too_large = ours.Snapshot([(0, 2**63 - 1, (("a", 1),), 1)] * 3, 2)
    with pytest.raises(ValueError, match=r"add up to 2\^63 or more: filters can leave some out"):
        too_large.dump(io.BytesIO())


def test_what_is_too_large_can_be_left_out_or_forgotten() -> None:
    def is_saved(snapshot: Any) -> bool:
        try:
            snapshot.dump(io.BytesIO())
        except ValueError as error:
            assert "reset_peak() and reset_churn() forget what is gone" in str(error)  # noqa: PT017
            return False
        return True

    ours.start()
    try:
        ours.track(987, 1, 2**63)
        snapshot = ours.take_snapshot()
        assert not is_saved(snapshot)
        assert is_saved(snapshot.filter_traces([ours.DomainFilter(False, 987)]))
        ours.untrack(987, 1)
        assert is_saved(ours.take_snapshot())
        assert not is_saved(ours.take_snapshot(at="peak"))
        assert not is_saved(ours.take_snapshot(at="churn"))
        ours.reset_peak()
        assert is_saved(ours.take_snapshot(at="peak"))
        assert not is_saved(ours.take_snapshot(at="churn"))
        ours.reset_churn()
        assert is_saved(ours.take_snapshot(at="churn"))
    finally:
        ours.stop()


def test_what_is_known_of_a_snapshot_is_kept(tmp_path: Path) -> None:
    ours.start(3)
    try:
        snapshot = ours.take_snapshot()
    finally:
        ours.stop()
    snapshot.dump(tmp_path / "x.ctm")
    again = ours.Snapshot.load(tmp_path / "x.ctm")
    before, after = snapshot.traces._traces, again.traces._traces
    assert isinstance(before, SnapshotTable)
    assert isinstance(after, SnapshotTable)
    assert after.info() == before.info()
    assert after.info()["pid"] == os.getpid()
    assert before.about() == {"python": platform.python_version()}
    assert after.about() == before.about()
    twice = io.BytesIO()
    again.filter_traces([]).dump(twice)
    twice.seek(0)
    last = ours.Snapshot.load(twice).traces._traces
    assert isinstance(last, SnapshotTable)
    assert last.about() == after.about()
    assert SnapshotTable(TRACES).about() == {}


# ---- the standard library's dumps ----


class StandIn:
    pass


class Expected(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        assert module == "tracemalloc"
        return StandIn


def expected_of(path: Path) -> tuple[list[Any], dict[str, Any]]:
    with path.open("rb") as file:
        state = vars(Expected(file).load())
    traces = vars(state.pop("traces"))["_traces"]
    # 3.4 and 3.5 had no domains, and no version before 3.9 a number of frames.
    traces = [t if len(t) > 2 else (0, *t) for t in traces]
    return [t if len(t) == 4 else (*t, None) for t in traces], state


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_dumps_of_old_interpreters(path: Path) -> None:
    traces, state = expected_of(path)
    snapshot = ours.Snapshot.load(path)
    assert list(snapshot.traces._traces) == traces
    assert len(traces) > 3
    assert {name: value for name, value in vars(snapshot).items() if name != "traces"} == state
    assert types_within(snapshot.label) == types_within(state["label"])  # type: ignore[attr-defined]
    is_old = path.stem in ("py34", "py35", "py36", "py37", "py38")
    assert (snapshot.traces[0].traceback.total_nframe is None) == is_old


def test_there_are_dumps() -> None:
    assert [path.stem for path in DUMPS] == sorted(f"py3{minor}" for minor in range(4, 16))


def as_dump(traces: Any, protocol: int = 4, **attributes: Any) -> bytes:
    snapshot = stdlib.Snapshot(traces, 3)
    vars(snapshot).update(attributes)
    return pickle.dumps(snapshot, protocol)


@many_cases
@given(
    plain_traces(),
    # Protocol 2 has calls where there are bytes.
    st.integers(3, pickle.HIGHEST_PROTOCOL),
    st.dictionaries(st.text(max_size=4), plain_data, max_size=3),
)
def test_dumps_of_this_interpreter(traces: list[Any], protocol: int, extra: dict[str, Any]) -> None:
    extra.pop("traces", None)
    snapshot = ours.Snapshot.load(io.BytesIO(as_dump(traces, protocol, **extra)))
    expected = ours.Snapshot(traces, 3)
    vars(expected).update(extra)
    assert_same(snapshot, expected)


def test_dumps_of_protocol_2() -> None:
    snapshot = ours.Snapshot.load(io.BytesIO(as_dump(TRACES, 2, note=["x", 2**40])))
    expected = ours.Snapshot(TRACES, 3)
    vars(expected)["note"] = ["x", 2**40]
    assert_same(snapshot, expected)


def test_traces_that_have_no_domain() -> None:
    dump = as_dump([(5, (("a.py", 1),)), (6, (("b.py", 1),))])
    assert list(ours.Snapshot.load(io.BytesIO(dump)).traces._traces) == [
        (0, 5, (("a.py", 1),), None),
        (0, 6, (("b.py", 1),), None),
    ]


def load(content: bytes) -> Any:
    return ours.Snapshot.load(io.BytesIO(content))


class Calls:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_executed(protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    evil = Calls(os.mkdir, (str(mark),))
    for content in (
        pickle.dumps(evil, protocol),
        as_dump([evil], protocol),
        as_dump([], protocol, note=[evil]),
    ):
        with pytest.raises(ours.FormatError, match=r"it asks for (posix|nt)\.mkdir, which is not"):
            load(content)
    assert not mark.exists()
    with pytest.raises(ours.FormatError, match=r"it asks for builtins\.eval"):
        load(pickle.dumps(Calls(eval, ("1",)), protocol).replace(b"__builtin__", b"builtins"))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty"),
        (b"\x80", "not a snapshot file"),
        (b"\x80\x01.", "not a snapshot file"),
        (b"hello", "not a snapshot file"),
        (pickle.dumps(3), "it is something else"),
        (pickle.dumps([]), "it is something else"),
        (pickle.dumps({"traces": []}), "it is something else"),
        (pickle.dumps(stdlib.Filter(True, "x")), "it is something else"),
        (pickle.dumps(stdlib.Snapshot), "it is something else"),
        (as_dump(3), "no list of traces"),
        (as_dump([3]), "trace 0: a trace must be a tuple, not an int"),
        (as_dump([*TRACES[:1], ()]), "trace 1: a trace must have 2 to 4 items"),
        (
            as_dump([(0, 1, 2, 3, 4)]),
            "trace 0: a trace must have 2 to 4 items, not one of length 5",
        ),
        (as_dump([(0, -1, (), 0)]), "a size must be an int of 63 bits, not -1"),
        (as_dump([(0, 2**63, (), 0)]), "a size must be .* not a large int"),
        (as_dump([(2**32, 1, (), 0)]), "a domain must be an int of 32 bits, not 4294967296"),
        (as_dump([(True, 1, (), 0)]), "a domain must be an int of 32 bits, not a bool"),
        (as_dump([(0, 1, [], 0)]), "frames must be a tuple, not a list"),
        (as_dump([(0, 1, (3,), 0)]), "a frame must be a tuple"),
        (as_dump([(0, 1, (("a",),), 0)]), "a frame must be a tuple"),
        (as_dump([(0, 1, (("a", 1, 2),), 0)]), "a frame must be a tuple .*, not one of length 3"),
        (as_dump([(0, 1, ((b"a", 1),), 0)]), "a frame must be a tuple .* not bytes"),
        (as_dump([(0, 1, (("a", 1.5),), 0)]), "a line must be an int of 32 bits, not a float"),
        (as_dump([(0, 1, (("a", -1),), 0)]), "a line must be an int of 32 bits, not -1"),
        (as_dump([(0, 1, (), 2**32)]), "total_nframe must be None or 32 bits"),
        (as_dump([], note=stdlib.Frame(("a", 1))), "attribute 'note' is not plain data"),
        (as_dump([], note=stdlib.Frame), "attribute 'note' is not plain data"),
        (as_dump([])[:-1], "byte .* the file ends here"),
        (as_dump([]).replace(b"\x81", b"R", 1), "the instruction 0x52 is in no snapshot's dump"),
        (b"\x80\x04\x8c\x01\xff.", "a text is not UTF-8"),
        (b"\x80\x06.", "not a snapshot file"),
        (b"\x80\x04\x80\x06.", "protocol is none from 2 to 5"),
        (b"\x80\x04.", "the stack does not have one value"),
        (b"\x80\x04NN.", "the stack does not have one value"),
        (b"\x80\x04N(.", "the stack does not have one value"),
        (b"\x80\x040.", "the stack has too few values"),
        (b"\x80\x04t.", "there is no mark"),
        (b"\x80\x04\x86.", "the stack has too few values"),
        (b"\x80\x04N(Na.", "the stack has too few values"),
        (b"\x80\x04NNa.", "added to what is not a list"),
        (b"\x80\x04NNNs.", "added to what is not a dict"),
        (b"\x80\x04}(Nu.", "a key without a value"),
        (b"\x80\x04h\x00.", "a value that was not remembered"),
        (b"\x80\x04Nr\xff\xff\xff\xff.", "a number that is not the next one"),
        (b"\x80\x04NN\x93.", "the name of a class is not text"),
        (b"\x80\x04N)\x81.", "an object of what is not a class"),
        (b"\x80\x04ctracemalloc\nFrame\nN\x81.", "an object with arguments"),
        (b"\x80\x04ctracemalloc\nFrame\nN\x85\x81.", "an object with arguments"),
        (b"\x80\x04ctracemalloc\nFrame\n)N\x92.", "an object with arguments"),
        (b"\x80\x04ctracemalloc\nFrame\n)}K\x01Ns\x92.", "an object with arguments"),
        (b"\x80\x04ctracemalloc\nFrame\nN\x85}\x92.", "an object with arguments"),
        (b"\x80\x04)}\x92.", "the stack has too few values"),
        (b"\x80\x04N)}\x92.", "an object of what is not a class"),
        (b"\x80\x04NNb.", "a state for what is not an object"),
        (b"\x80\x04ctracemalloc", "the file ends here"),
        (b"\x80\x04ctracemalloc\n\x1b[31m\xff\n.", r"asks for tracemalloc\.\?\[31m\?,"),
        (b"\x80\x04B\xff\xff\xff\x7f.", "the file ends here"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b".", "the file ends here"),
        (b"\x80\x04ctracemalloc\nSnapshot\n)\x81.", "it is something else"),
        (b"\x80\x04ctracemalloc\nSnapshot\n)\x81}b.", "it has no traces"),
    ],
)
def test_pickles_that_are_no_dumps(content: bytes, text: str) -> None:
    with pytest.raises(ours.FormatError, match=text):
        load(content)


def test_names_of_attributes_are_text() -> None:
    dump = as_dump([], nota=1).replace(b"\x8c\x04nota", b"K\x05", 1)
    with pytest.raises(ours.FormatError, match="the name of an attribute is not a str"):
        load(dump)
    dump = as_dump([], nota={(1,): 2}).replace(b"K\x01\x85", b"]\x85", 1)
    with pytest.raises(ours.FormatError, match="attribute 'nota' has a key that is not hashable"):
        load(dump)


def test_the_last_of_equal_attributes_counts() -> None:
    dump = as_dump([], nota=1, notb=2).replace(b"notb", b"nota")
    assert load(dump).nota == 2


def test_attributes_that_grow_without_end() -> None:
    value: Any = "x" * 100
    for _ in range(40):
        value = (value, value)
    with pytest.raises(ours.FormatError, match="more than the limit of"):
        load(as_dump([], note=value))
    for _ in range(100):
        value = [value]
    with pytest.raises(ours.FormatError, match="attribute 'note' is nested too deep"):
        load(as_dump([], note=value))
    endless: list[Any] = []
    endless += [endless, endless]
    with pytest.raises(ours.FormatError, match="attribute 'note' is nested too deep"):
        load(as_dump([], note=endless))


RNG = random.Random(1)


def cut_and_changed(content: bytes, rng: random.Random) -> Any:
    for length in range(len(content)):
        yield content[:length]
    for position in range(len(content)):
        for change in (0xFF, 1 << rng.randrange(8)):
            changed = bytearray(content)
            changed[position] ^= change
            yield bytes(changed)


@pytest.mark.parametrize("path", [DUMPS[0], DUMPS[-1]], ids=lambda path: path.stem)
def test_damaged_dumps(path: Path) -> None:
    results = [outcome(load, content) for content in cut_and_changed(path.read_bytes(), RNG)]
    refusals = [result for result in results if isinstance(result, tuple)]
    assert {name for name, _ in refusals} == {"FormatError"}
    assert all(text for _, text in refusals)
    assert len(refusals) > len(path.read_bytes())
    for snapshot in results:
        # A number or a letter is another one now.
        if not isinstance(snapshot, tuple):
            assert len(snapshot.traces) > 0
            assert snapshot.statistics("traceback")


def test_damaged_files() -> None:
    file = io.BytesIO()
    snapshot = ours.Snapshot(TRACES, 2)
    snapshot.note = "x"  # type: ignore[attr-defined]
    snapshot.dump(file)
    for content in cut_and_changed(file.getvalue(), RNG):
        with pytest.raises(ours.FormatError):
            load(content)


def test_attributes_that_files_may_not_have() -> None:
    content = SnapshotTable(TRACES).encode({"traces": 3})
    with pytest.raises(ours.FormatError, match="attribute 'traces'"):
        load(content)
