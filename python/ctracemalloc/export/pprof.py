"""A snapshot as a profile that `go tool pprof` and what reads the same format can open.

The format is protobuf, https://github.com/google/pprof/blob/main/proto/profile.proto. The few
fields that a profile of memory has are written by hand: no schema compiler is needed for them.

Each sample has its domain's name as a label: `-tags` adds up by it, `-tagfocus` and `-tagroot` take
it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from ctracemalloc import Frame, Snapshot, domain_name
from ctracemalloc._snapshot import as_table
from ctracemalloc.export.stacks import Stacks, Track, frame_name, unicode
from ctracemalloc.report.exactness import warning_about
from ctracemalloc.report.places import NO_TRACEBACK

# Fields of Profile.
_SAMPLE_TYPE, _SAMPLE, _MAPPING, _LOCATION, _FUNCTION, _STRING = 1, 2, 3, 4, 5, 6
_TIME_NANOS, _PERIOD_TYPE, _PERIOD, _COMMENT, _DEFAULT_SAMPLE_TYPE = 9, 11, 12, 13, 14

_LIVE_ONLY = "alloc_objects and alloc_space are left out: the snapshot has no totals"
_TOTALS_ONLY = "inuse_objects and inuse_space are left out: the snapshot has only totals"


def write(snapshot: Snapshot, file: BinaryIO, track: Track, churn: Snapshot | None = None) -> None:
    """Write the profile; with a snapshot of the churn, it has what was allocated as well."""
    is_live = snapshot.kind in ("live", "peak")
    prefix = "inuse" if is_live else "alloc"
    parts = [(prefix, snapshot)]
    if churn is not None:
        # In the order of Go's own profiles of memory.
        parts.insert(0, ("alloc", churn))
    comments = [f"ctracemalloc: {snapshot.kind}"]
    if churn is None:
        comments.append(_LIVE_ONLY if is_live else _TOTALS_ONLY)
    comments += filter(None, (warning_about(part) for _, part in parts))
    strings, locations = _Strings(), _Locations()
    profile = bytearray()
    for name, _ in parts:
        profile += _message(_SAMPLE_TYPE, _value_type(strings, f"{name}_objects", "count"))
        profile += _message(_SAMPLE_TYPE, _value_type(strings, f"{name}_space", "bytes"))
    for where, values in _samples([part for _, part in parts], locations, track):
        profile += _message(_SAMPLE, _sample(strings, where, values))
    # Says that there is nothing to look up elsewhere.
    mapping = _number(1, 1) + _number(5, strings.number("python"))
    profile += _message(_MAPPING, mapping + _number(7, 1) + _number(8, 1) + _number(9, 1))
    profile += _places(strings, locations)
    profile += _number(_TIME_NANOS, _time_of(snapshot))
    profile += _message(_PERIOD_TYPE, _value_type(strings, "space", "bytes"))
    profile += _number(_PERIOD, 1)
    for comment in comments:
        profile += _number(_COMMENT, strings.number(comment))
    profile += _number(_DEFAULT_SAMPLE_TYPE, strings.number(f"{prefix}_space"))
    for text in strings.numbers:
        profile += _message(_STRING, text.encode("utf-8"))
    # Without a time of its own, the same snapshot gives the same bytes.
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="", compresslevel=6) as packed:
        packed.write(profile)


class _Locations:
    """Frames and their numbers; 1 is of traces without a traceback."""

    def __init__(self) -> None:
        self.numbers: dict[Frame, int] = {}

    def of(self, frame: Frame) -> int:
        return self.numbers.setdefault(frame, len(self.numbers) + 2)


# A domain, and numbers of locations.
_Where = tuple[int, tuple[int, ...]]


def _samples(
    snapshots: Sequence[Snapshot], locations: _Locations, track: Track
) -> Iterable[tuple[_Where, list[int]]]:
    """Make the samples: where, and the blocks and bytes of each snapshot."""
    samples: dict[_Where, list[int]] = {}
    for number, snapshot in enumerate(snapshots):
        stacks = Stacks(snapshot)
        of = list(map(locations.of, stacks.frames))
        for stack in stacks.walk(track):
            key = stack.domain, tuple(of[frame] for frame in stack.frames) or (1,)
            values = samples.setdefault(key, [0] * (2 * len(snapshots)))
            values[2 * number : 2 * number + 2] = stack.blocks, stack.size
    return samples.items()


def _sample(strings: _Strings, where: _Where, values: Iterable[int]) -> bytes:
    domain, numbers = where
    content = _message(1, b"".join(map(_varint, numbers)))
    content += _message(2, b"".join(map(_varint, values)))
    return content + _label(strings, "domain", unicode(domain_name(domain)))


def _places(strings: _Strings, locations: _Locations) -> bytes:
    """Write the locations in the order of their numbers, and the functions that they are in."""
    written = bytearray()
    functions: dict[tuple[str, str], int] = {}
    places = [(NO_TRACEBACK, "", 0)]
    places += [
        (frame_name(frame), unicode(frame.filename), frame.lineno) for frame in locations.numbers
    ]
    for number, (name, filename, lineno) in enumerate(places, 1):
        function = functions.setdefault((name, filename), len(functions) + 1)
        line = _number(1, function) + _number(2, lineno)
        written += _message(_LOCATION, _number(1, number) + _number(2, 1) + _message(4, line))
    for (name, filename), number in functions.items():
        # Without the system's name: were it the same, pprof would demangle it as a name of C++, and
        # take <module> and <lambda> for arguments of templates.
        content = _number(1, number) + _number(2, strings.number(name))
        written += _message(_FUNCTION, content + _number(4, strings.number(filename)))
    return bytes(written)


def _time_of(snapshot: Snapshot) -> int:
    table = as_table(snapshot.traces._traces)
    return 0 if table is None else int(table.info()["time_ns"])


class _Strings:
    """The table of strings; the first one is the empty one."""

    def __init__(self) -> None:
        self.numbers = {"": 0}

    def number(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def _label(strings: _Strings, key: str, text: str) -> bytes:
    return _message(3, _number(1, strings.number(key)) + _number(2, strings.number(text)))


def _value_type(strings: _Strings, name: str, unit: str) -> bytes:
    return _number(1, strings.number(name)) + _number(2, strings.number(unit))


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content
