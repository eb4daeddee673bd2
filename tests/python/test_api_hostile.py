"""Files that are made to cost: refused in time and memory that their length accounts for.

What costs too much shows as a MemoryError under the limit that is set here, or as a test that does
not end.
"""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api_support import ours
from ctracemalloc._engine import SnapshotTable
from format_reader import reader

TRACES = [(0, 10 + i, (("a.py", i), ("b.py", 1)), 3) for i in range(20)]
SECTION = struct.Struct("<4sHHQQ")
HEADER_LENGTH = 24
# Numbers hash to themselves modulo this.
HASH_MODULUS = sys.hash_info.modulus
# Above what the interpreter has: a few times what a small file's sections may be unpacked to.
MEMORY = 256 << 20

LOADER = """
import json, resource, sys
import ctracemalloc
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]),) * 2)
for path in sys.argv[2:]:
    try:
        ctracemalloc.Snapshot.load(path)
    except Exception as error:
        print(json.dumps([type(error).__name__, str(error)]))
    else:
        print(json.dumps(["loaded", path]))
"""


ORDER = {kind: place for place, kind in enumerate(reader.KNOWN)}


class File:
    """A snapshot file in its parts, checksums and end made right when it is put together."""

    def __init__(self, **attributes: Any) -> None:
        self.header = bytearray(SnapshotTable(TRACES).encode({})[:HEADER_LENGTH])
        self.sections: dict[bytes, list[Any]] = {}
        content, at = SnapshotTable(TRACES).encode(attributes), HEADER_LENGTH
        while at < len(content):
            kind, flags, method, stored, raw = SECTION.unpack_from(content, at)
            at += SECTION.size + stored
            self.sections[kind] = [flags, method, stored, raw, content[at - stored : at]]
            at += 8

    def change(self, kind: bytes, payload: bytes, method: int = 0, raw: int | None = None) -> File:
        length = len(payload)
        self.sections[kind] = [1, method, length, length if raw is None else raw, payload]
        return self

    def lengths(self, kind: bytes, stored: int, raw: int) -> File:
        self.sections[kind][2:4] = stored, raw
        return self

    def content(self) -> bytes:
        self.header[16:] = struct.pack("<Q", reader.xxh64(bytes(self.header[:16])))
        body = bytearray(self.header)
        whole = len(body) + sum(SECTION.size + len(part[4]) + 8 for part in self.sections.values())
        # What is unknown stands in front of the last.
        kinds = sorted(self.sections, key=lambda kind: ORDER.get(kind, ORDER[b"END "] - 1))
        self.sections = {kind: self.sections[kind] for kind in kinds}
        self.sections[b"END "][4] = struct.pack("<QQ", len(self.sections), whole)
        for kind, (flags, method, stored, raw, payload) in self.sections.items():
            section = SECTION.pack(kind, flags, method, stored, raw) + payload
            body += section + struct.pack("<Q", reader.xxh64(section))
        return bytes(body)


def rle_frame(length: int, says: int | None = None) -> bytes:
    """A zstd frame of zeros: a block of 4 bytes stands for 128 KiB."""
    content_size = struct.pack("<Q", length if says is None else says)
    frame = bytearray(b"\x28\xb5\x2f\xfd\xc0\x38" + content_size)
    while True:
        step = min(length, 1 << 17)
        length -= step
        frame += (int(length == 0) | 1 << 1 | step << 3).to_bytes(3, "little") + b"\0"
        if length == 0:
            return bytes(frame)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def table(rows: int, *columns: bytes) -> bytes:
    lengths = b"".join(varint(len(column)) for column in columns)
    return varint(rows) + varint(len(columns)) + lengths + b"".join(columns)


BOMB = 64 << 20
FAR = 1 << 63
SMALL_FILES = {
    "empty": (b"", "the file is empty"),
    "stored length": (File().lengths(b"ROWS", FAR, FAR).content(), "section ROWS at byte"),
    "raw length": (File().lengths(b"ROWS", 8, FAR).content(), "section ROWS at byte"),
    "bomb": (
        File().change(b"ROWS", rle_frame(BOMB), 1, BOMB).content(),
        "section ROWS .* the limits for this file leave",
    ),
    "bombs, each below the limit": (
        File()
        .change(b"STRS", rle_frame(3 << 20), 1, 3 << 20)
        .change(b"ROWS", rle_frame(3 << 20), 1, 3 << 20)
        .content(),
        "section ROWS .* the limits for this file leave",
    ),
    "bomb that says it is small": (
        File().change(b"ROWS", rle_frame(BOMB, 1000), 1, 1000).content(),
        "section ROWS .* compressed data is",
    ),
    "frame of another length": (
        File().change(b"ROWS", rle_frame(1000), 1, 2000).content(),
        "section ROWS .* not a frame of the length",
    ),
    "rows": (
        File().change(b"ROWS", table(FAR, *[b"\0" * 9] * 4)).content(),
        "section ROWS .* a column is too short",
    ),
    "columns": (
        File().change(b"FRMS", varint(1) + varint(FAR)).content(),
        "section FRMS at byte",
    ),
    "column": (
        File().change(b"FRMS", varint(1) + varint(3) + varint(FAR) * 3).content(),
        "section FRMS .* longer than the bytes left",
    ),
    "text": (
        File().change(b"STRS", table(1, varint(FAR))).content(),
        "section STRS .* longer than the bytes left",
    ),
    "caller that is further on": (
        File().change(b"NODS", table(1, b"\x01", b"\0")).content(),
        "section NODS .* node 0: its parent is before the first",
    ),
    "circle of callers": (
        File().change(b"NODS", table(2, b"\0" + varint((1 << 64) - 1), b"\0\0")).content(),
        "section NODS .* node 1: its parent is before the first",
    ),
    "frame that is not there": (
        File().change(b"NODS", table(1, b"\0", varint(FAR))).content(),
        "section NODS .* its frame is past the last",
    ),
    "list": (
        File().change(b"ATTR", b"d\x01s\x01al" + varint(FAR)).content(),
        "section ATTR .* a count is past the end",
    ),
    "lists in lists": (
        File().change(b"ATTR", b"d\x01s\x01a" + b"l\x01" * 1000 + b"N").content(),
        "section ATTR .* nested too deep",
    ),
    "required section of a later version": (
        File().change(b"NEW!", b"x").content(),
        "section NEW! at byte .* unknown here, and required",
    ),
    "pickled text": (b"\x80\x04\x8d" + struct.pack("<Q", FAR) + b"a.", "byte 2 of the pickle"),
    "pickle of itself": (
        b"\x80\x04ctracemalloc\nSnapshot\n)\x81}(X\x06\0\0\0traces"
        b"ctracemalloc\n_Traces\n)\x81}X\x07\0\0\0_traces]sb"
        b"X\x0f\0\0\0traceback_limitK\x01X\x01\0\0\0a]\x94(h\0h\0e"
        b"ub.",
        "attribute 'a' is nested too deep",
    ),
    "pickle that doubles": (
        b"\x80\x04ctracemalloc\nSnapshot\n)\x81}(X\x06\0\0\0traces"
        b"ctracemalloc\n_Traces\n)\x81}X\x07\0\0\0_traces]sb"
        b"X\x0f\0\0\0traceback_limitK\x01X\x01\0\0\0aX\x64\0\0\0"
        + b"x" * 100
        + b"\x94"
        # Each tuple holds the one before twice.
        + b"".join(b"0h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(60))
        + b"ub.",
        "more than the limit of",
    ),
}


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    paths = []
    for name, (content, _text) in SMALL_FILES.items():
        assert len(content) < 10_000
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(MEMORY), *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(SMALL_FILES)
    for name, (kind, text) in zip(SMALL_FILES, results, strict=True):
        assert kind == "FormatError", (name, text)
        assert re.search(SMALL_FILES[name][1], text), (name, text)


def test_crafted_files_are_else_in_order() -> None:
    """Whoever is refused above is refused for the one thing that was changed."""
    loaded = ours.Snapshot.load(io.BytesIO(File(note=1).content()))
    assert list(loaded.traces._traces) == TRACES
    assert vars(loaded)["note"] == 1
    unknown = File().change(b"NEW!", b"anything")
    unknown.sections[b"NEW!"][0] = 0
    assert list(ours.Snapshot.load(io.BytesIO(unknown.content())).traces._traces) == TRACES


def test_newer_versions_are_refused_by_number() -> None:
    newer = File()
    newer.header[8:12] = struct.pack("<HH", 7, 3)
    with pytest.raises(ours.FormatError, match=r"format version 7\.3"):
        ours.Snapshot.load(io.BytesIO(newer.content()))
    newer.header[8:12] = struct.pack("<HH", 1, 999)
    assert list(ours.Snapshot.load(io.BytesIO(newer.content())).traces._traces) == TRACES


@pytest.mark.parametrize(
    "make",
    [
        lambda i: i * HASH_MODULUS,
        lambda i: (i * HASH_MODULUS,),
        lambda i: (("x", i * HASH_MODULUS), None),
    ],
    ids=["int", "tuple", "deep"],
)
def test_keys_of_one_hash(make: Any) -> None:
    """Each would be compared with all before it: half a million take the interpreter a day."""

    def load(attributes: dict[str, Any]) -> Any:
        return ours.Snapshot.load(io.BytesIO(SnapshotTable([]).encode(attributes)))

    few = {make(i): i for i in range(1, 65)}
    many = {"note": [few, {"x": {**few, make(65): 65, "y": 1}}]}
    assert load({"note": few}).note == few
    with pytest.raises(
        ours.FormatError, match=r"^'note' cannot be read: more than 64 keys of a dict"
    ):
        load(many)
    described = File()
    described.sections[b"ABUT"] = File(**many).sections[b"ATTR"]
    about, _attributes = SnapshotTable.decode(described.content())
    with pytest.raises(
        ours.FormatError, match=r"^'note' cannot be read: more than 64 keys of a dict"
    ):
        about.about()


def test_many_keys_of_one_hash() -> None:
    keys = b"".join(
        b"i" + varint(len(number)) + number + b"N"
        for number in (
            (i * HASH_MODULUS).to_bytes((i * HASH_MODULUS).bit_length() // 8 + 1, "little")
            for i in range(1, 200_000)
        )
    )
    content = File().change(b"ATTR", b"d\x01s\x01ad" + varint(199_999) + keys).content()
    with pytest.raises(ours.FormatError, match="more than 64 keys of a dict"):
        ours.Snapshot.load(io.BytesIO(content))


def test_keys_that_are_many_and_differ() -> None:
    note: dict[Any, Any] = {**{i: i for i in range(-500, 5000)}, **{str(i): i for i in range(5000)}}
    note |= {(i, str(i)): None for i in range(500)} | {i / 7: i for i in range(1, 500)}
    file = io.BytesIO(SnapshotTable([]).encode({"note": note}))
    assert vars(ours.Snapshot.load(file))["note"] == note
