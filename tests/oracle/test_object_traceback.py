"""Where an object was allocated, asked of both tracers while both are on, for objects of all kinds.

An object's block starts before the object: by the garbage collector's header, and by room for an
instance's dictionary and weak references. Each kind has its own layout.
"""

from __future__ import annotations

import _tracemalloc
import array
import asyncio
import collections
import contextvars
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gc
import hashlib
import io
import itertools
import os
import pathlib
import random
import re
import struct
import sys
import threading
import types
import weakref
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import both
import ctracemalloc
import pytest
from ctracemalloc import _engine

NFRAME = 10

Frames = Sequence[tuple[str, int]] | None


class Plain:
    """Its instances have a managed dictionary and weak references."""


class WithAttributes:
    def __init__(self) -> None:
        self.one = self.two = None


class Slots:
    __slots__ = ("value",)


class SlotsAndWeak:
    __slots__ = ("__weakref__", "value")


class SlotsAndDict:
    __slots__ = ("__dict__", "value")


class NoSlots:
    __slots__ = ()


class SubInt(int):
    pass


class SubStr(str):
    pass


class SubBytes(bytes):
    pass


class SubFloat(float):
    pass


class SubTuple(tuple[Any, ...]):
    pass


class SubList(list[Any]):
    pass


class SubListSlots(list[Any]):
    __slots__ = ("value",)


class SubDict(dict[Any, Any]):
    pass


class SubSet(set[Any]):
    pass


class Failure(Exception):
    pass


class Colour(enum.Flag):
    RED = 1
    GREEN = 2


Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class Data:
    number: int = 0


@dataclasses.dataclass(slots=True)
class DataSlots:
    number: int = 0


def generate() -> Iterator[int]:
    yield 1


async def wait() -> None:
    await asyncio.sleep(0)


async def generate_async() -> AsyncIterator[int]:
    yield 1


def frame() -> types.FrameType:
    return sys._getframe()


def traceback_of_error() -> types.TracebackType | None:
    try:
        raise Failure
    except Failure as error:
        return error.__traceback__


NUMBER = 12_345
TEXT = "text"
CODE = compile("1 + 1", "code", "eval")

MAKERS: dict[str, Callable[[], Any]] = {
    "object": lambda: object(),
    "instance": lambda: Plain(),
    "instance with attributes": lambda: WithAttributes(),
    "instance with slots": lambda: Slots(),
    "instance with slots and weak references": lambda: SlotsAndWeak(),
    "instance with slots and dict": lambda: SlotsAndDict(),
    "instance with empty slots": lambda: NoSlots(),
    "dataclass": lambda: Data(),
    "dataclass with slots": lambda: DataSlots(),
    "namedtuple": lambda: Pair(1, 2),
    "simple namespace": lambda: types.SimpleNamespace(one=1),
    "int": lambda: NUMBER**9,
    "float": lambda: NUMBER / 7,
    "complex": lambda: complex(NUMBER, 2),
    "str": lambda: TEXT * 9,
    "wide str": lambda: TEXT + "\N{SNAKE}",
    "bytes": lambda: TEXT.encode(),
    "bytearray": lambda: bytearray(9),
    "tuple": lambda: (NUMBER, TEXT),
    "long tuple": lambda: tuple(range(50)),
    "list": lambda: [NUMBER],
    "dict": lambda: {NUMBER: TEXT},
    "set": lambda: {NUMBER, TEXT},
    "frozenset": lambda: frozenset((NUMBER, TEXT)),
    "subclass of int": lambda: SubInt(NUMBER),
    "subclass of str": lambda: SubStr(TEXT),
    "subclass of bytes": lambda: SubBytes(9),
    "subclass of float": lambda: SubFloat(1.5),
    "subclass of tuple": lambda: SubTuple((NUMBER, TEXT)),
    "subclass of list": lambda: SubList((NUMBER,)),
    "subclass of list with slots": lambda: SubListSlots((NUMBER,)),
    "subclass of dict": lambda: SubDict(one=1),
    "subclass of set": lambda: SubSet((NUMBER,)),
    "range": lambda: range(NUMBER),
    # The interpreter keeps one released slice, which collecting does not drop: take the second.
    "slice": lambda: (slice(1), slice(NUMBER))[1],
    "memoryview": lambda: memoryview(b"abc"),
    "array": lambda: array.array("i", (1, 2, 3)),
    "deque": lambda: collections.deque((1, 2)),
    "ordered dict": lambda: collections.OrderedDict(one=1),
    "default dict": lambda: collections.defaultdict(list),
    "counter": lambda: collections.Counter(TEXT),
    "mapping proxy": lambda: types.MappingProxyType({}),
    "class": lambda: type("Made", (), {}),
    "class with metaclass": lambda: enum.Enum("Made", "ONE TWO"),
    "flag member": lambda: Colour.RED | Colour.GREEN,
    "module": lambda: types.ModuleType("made"),
    "function": lambda: lambda: None,
    "code": lambda: CODE.replace(co_name="made"),
    "cell": lambda: types.CellType(1),
    "method": lambda: TEXT.upper,
    "bound method": lambda: types.MethodType(len, TEXT),
    "property": lambda: property(len),
    "static method": lambda: staticmethod(len),
    "partial": lambda: functools.partial(len),
    "generator": lambda: generate(),
    "generator expression": lambda: (number for number in MAKERS),
    "async generator": lambda: generate_async(),
    "list iterator": lambda: iter([1]),
    "map": lambda: map(len, ()),
    "zip": lambda: zip((), ()),  # noqa: B905
    "enumerate": lambda: enumerate(()),
    "count": lambda: itertools.count(NUMBER),
    "exception": lambda: Failure(TEXT),
    "builtin exception": lambda: ValueError(TEXT),
    "traceback": lambda: traceback_of_error(),
    "frame": lambda: frame(),
    "weak reference": lambda: weakref.ref(Plain, lambda _: None),
    "generic alias": lambda: list[int],
    "union": lambda: int | str,
    "pattern": lambda: re.compile(f"x{{{random.randrange(100)}}}y*"),
    "match": lambda: re.match("t", TEXT),
    "decimal": lambda: decimal.Decimal(NUMBER) / 7,
    "fraction": lambda: fractions.Fraction(1, NUMBER),
    "date and time": lambda: datetime.datetime(2020, 1, 2),
    "time delta": lambda: datetime.timedelta(NUMBER),
    "path": lambda: pathlib.Path("made"),
    "lock": lambda: threading.Lock(),
    "event": lambda: threading.Event(),
    "thread": lambda: threading.Thread(),
    "text buffer": lambda: io.StringIO(TEXT),
    "bytes buffer": lambda: io.BytesIO(b"abc"),
    "file": lambda: io.FileIO(os.devnull),
    "struct": lambda: struct.Struct("<i"),
    "hash": lambda: hashlib.sha256(),
    "compressor": lambda: zlib.compressobj(),
    "random generator": lambda: random.Random(1),
    "context variable": lambda: contextvars.ContextVar("made"),
    "context": lambda: contextvars.copy_context(),
    "none": lambda: None,
    "small int": lambda: 1,
    "empty tuple": lambda: (),
    "empty str": lambda: "",
    "builtin class": lambda: int,
    "builtin function": lambda: len,
    "old object": lambda: MAKERS,
}

NOT_ALLOCATED = {
    *("none", "small int", "empty tuple", "empty str", "builtin class", "builtin function"),
    "old object",
}

# On 3.11 stdlib looks for the block of an object with a managed dictionary at the wrong place and
# finds none; from 3.12 on it is right. Ours is right on all versions.
BLIND_ON_3_11 = {
    *("instance", "instance with attributes", "instance with slots and dict", "dataclass"),
    *("subclass of str", "subclass of float", "subclass of list", "subclass of dict"),
    *("subclass of set", "counter", "event", "thread", "random generator", "flag member"),
}


def make(maker: Callable[[], Any]) -> tuple[Any, Frames, Frames]:
    """Make an object under both tracers; give it with what stdlib and ours say about it."""
    both.start(NFRAME)
    try:
        # What comes from a free list has an older block, which neither knows.
        gc.collect()
        made = maker()
        return (
            made,
            _tracemalloc._get_object_traceback(made),
            _engine._get_object_traceback(made),
        )
    finally:
        both.stop()


@pytest.mark.parametrize("kind", MAKERS)
def test_same_traceback(kind: str) -> None:
    maker = MAKERS[kind]
    made, stdlib, ours = make(maker)
    if kind in NOT_ALLOCATED:
        assert (stdlib, ours) == (None, None)
        return
    if sys.version_info < (3, 12) and kind in BLIND_ON_3_11:
        assert stdlib is None, "stdlib is no longer blind: take the kind out of the list"
        assert ours is not None
    else:
        assert stdlib is not None
        assert ours == stdlib
    # However deep it was made, it was made for this maker.
    assert (__file__, maker.__code__.co_firstlineno) in ours
    assert len(ours) <= NFRAME
    del made


def test_coroutine() -> None:
    made, stdlib, ours = make(lambda: wait())
    made.close()
    assert stdlib is not None
    assert ours == stdlib


def test_public_function_gives_equal_tracebacks() -> None:
    import tracemalloc

    both.start(NFRAME)
    try:
        made = Slots()
        expected = tracemalloc.get_object_traceback(made)
        given = ctracemalloc.get_object_traceback(made)
    finally:
        both.stop()
    assert expected is not None
    assert given is not None
    assert [(f.filename, f.lineno) for f in given] == [(f.filename, f.lineno) for f in expected]
    assert given.total_nframe is expected.total_nframe is None
    assert repr(given) == repr(expected)


REUSED: dict[str, Callable[[], Any]] = {
    "float": lambda: NUMBER / 7,
    "list": lambda: [],
    "dict": lambda: {},
    "tuple": lambda: (NUMBER, TEXT),
}


@pytest.mark.parametrize("kind", REUSED)
def test_reused_object(kind: str) -> None:
    """An object from a free list, whose block was first allocated at another line."""
    first, second = REUSED[kind], REUSED[kind].__code__.replace(co_firstlineno=90_000)
    again = types.FunctionType(second, first.__globals__)
    both.start(1)
    try:
        gc.collect()
        # Its block goes to the free list, and the next object of its kind takes it.
        first()
        made = again()
        stdlib = _tracemalloc._get_object_traceback(made)
        ours = _engine._get_object_traceback(made)
    finally:
        both.stop()
    taken, allocated = ((__file__, 90_000),), ((__file__, first.__code__.co_firstlineno),)
    assert stdlib == taken
    # Before 3.13 nobody is told: ours goes on showing where the block came from.
    assert ours == (taken if sys.version_info >= (3, 13) else allocated)


def test_object_from_before_start() -> None:
    old = Slots()
    both.start(NFRAME)
    try:
        found = _tracemalloc._get_object_traceback(old), _engine._get_object_traceback(old)
    finally:
        both.stop()
    assert found == (None, None)


def test_object_from_before_clear() -> None:
    both.start(NFRAME)
    try:
        old = Slots()
        _tracemalloc.clear_traces()
        ctracemalloc.clear_traces()
        found = _tracemalloc._get_object_traceback(old), _engine._get_object_traceback(old)
    finally:
        both.stop()
    assert found == (None, None)
