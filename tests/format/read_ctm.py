"""A reader of snapshot files, written from FORMAT.md alone: the page is enough.

It trusts the numbers in the file once the checksums are right, which a reader of foreign files
must not do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import accumulate
from typing import Any

MAGIC = b"\x89CTM\r\n\x1a\n"
KNOWN = [b"INFO", b"KIND", b"ABUT", b"ATTR", b"STRS", b"FRMS", b"NODS", b"STKS", b"ROWS", b"END "]
INFO = (
    *("time_ns", "current_bytes", "current_blocks", "peak_bytes"),
    *("dropped", "lost", "nframe", "pid"),
)
KINDS = {1: "peak", 2: "churn", 3: "reuse"}
MASK = (1 << 64) - 1

Frame = tuple[str, int, str]


@dataclass
class Row:
    """Traces that are all alike. Frames are newest first."""

    domain: int
    size: int
    count: int
    total_nframe: int | None
    frames: list[Frame]


@dataclass
class Snapshot:
    """All that a file says."""

    info: dict[str, int]
    rows: list[Row]
    kind: str = "live"
    about: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


def xxh64(data: bytes) -> int:
    """Return the XXH64 of the data, with seed 0."""
    p1, p2, p3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
    p4, p5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5

    def rotate(x: int, bits: int) -> int:
        return (x << bits | x >> (64 - bits)) & MASK

    def mix(lane: int, word: int) -> int:
        return rotate((lane + word * p2) & MASK, 31) * p1 & MASK

    at, acc = 0, p5
    if len(data) >= 32:
        lanes = [(p1 + p2) & MASK, p2, 0, -p1 & MASK]
        for at in range(0, len(data) - 31, 32):
            words = struct.unpack_from("<4Q", data, at)
            lanes = [mix(lane, word) for lane, word in zip(lanes, words, strict=True)]
        at += 32
        turns = zip(lanes, (1, 7, 12, 18), strict=True)
        acc = sum(rotate(lane, bits) for lane, bits in turns) & MASK
        for lane in lanes:
            acc = ((acc ^ mix(0, lane)) * p1 + p4) & MASK
    acc = (acc + len(data)) & MASK
    while len(data) - at >= 8:
        acc ^= mix(0, struct.unpack_from("<Q", data, at)[0])
        acc, at = (rotate(acc, 27) * p1 + p4) & MASK, at + 8
    if len(data) - at >= 4:
        acc ^= struct.unpack_from("<I", data, at)[0] * p1 & MASK
        acc, at = (rotate(acc, 23) * p2 + p3) & MASK, at + 4
    for byte in data[at:]:
        acc = rotate(acc ^ byte * p5 & MASK, 11) * p1 & MASK
    for shift, factor in ((33, p2), (29, p3), (32, 1)):
        acc = (acc ^ acc >> shift) * factor & MASK
    return acc


def find_decompress() -> Callable[[bytes], bytes] | None:
    """Return what unpacks a zstd frame, if this Python has it: from 3.14 on it does."""
    for name in ("compression.zstd", "zstandard"):
        with suppress(ImportError):
            decompress: Callable[[bytes], bytes] = import_module(name).decompress
            return decompress
    return None


def unpack(payload: bytes, method: int) -> bytes:
    """Return the raw bytes of a section."""
    if method == 0:
        return payload
    decompress = find_decompress()
    if method != 1 or decompress is None:
        raise ValueError(f"method {method} is unknown, or there is no module for it")
    return decompress(payload)


class Cursor:
    """Bytes that are read from their front."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        self.at += length
        return self.data[self.at - length : self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self, length: int) -> str:
        return self.take(length).decode("utf-8", "surrogatepass")

    def table(self) -> list[list[int]]:
        rows = self.varint()
        lengths = [self.varint() for _ in range(self.varint())]
        columns = [Cursor(self.take(length)) for length in lengths]
        return [[column.varint() for _ in range(rows)] for column in columns]

    def plain(self) -> Any:
        kind = self.take(1)
        if kind in b"NFT":
            return {b"N": None, b"F": False, b"T": True}[kind]
        if kind == b"f":
            return struct.unpack("<d", self.take(8))[0]
        count = self.varint()
        match kind:
            case b"i":
                return int.from_bytes(self.take(count), "little", signed=True)
            case b"s":
                return self.text(count)
            case b"b":
                return self.take(count)
            case b"l":
                return [self.plain() for _ in range(count)]
            case b"t":
                return tuple(self.plain() for _ in range(count))
            case b"d":
                return {self.plain(): self.plain() for _ in range(count)}
        raise ValueError(f"unknown kind of value: {kind!r}")


def steps(column: list[int]) -> list[int]:
    """Return the values of a column of steps."""
    return [
        value & MASK
        for value in accumulate(z // 2 if z % 2 == 0 else -(z + 1) // 2 for z in column)
    ]


def sections(data: bytes) -> dict[bytes, Cursor]:
    """Return the known sections of a file."""
    magic, major, minor, _, checksum = struct.unpack_from("<8sHHIQ", data)
    if magic != MAGIC:
        raise ValueError("not a snapshot file")
    if major != 1:
        raise ValueError(f"unknown version {major}.{minor}")
    if checksum != xxh64(data[:16]):
        raise ValueError("the header is damaged")
    found: dict[bytes, Cursor] = {}
    at, count = 24, 0
    while b"END " not in found:
        kind, flags, method, stored, raw = struct.unpack_from("<4sHHQQ", data, at)
        end = at + 24 + stored
        if struct.unpack_from("<Q", data, end)[0] != xxh64(data[at:end]):
            raise ValueError(f"section {kind!r} is damaged")
        if kind in KNOWN:
            payload = data[at + 24 : end]
            found[kind] = Cursor(unpack(payload, method))
            if len(found[kind].data) != raw:
                raise ValueError(f"section {kind!r} has a wrong length")
        elif flags & 1:
            raise ValueError(f"section {kind!r} is unknown, and required")
        at, count = end + 8, count + 1
    if struct.unpack("<QQ", found[b"END "].data) != (count, len(data)) or at != len(data):
        raise ValueError("the file is not whole")
    return found


def read(data: bytes) -> Snapshot:
    """Return the snapshot in the bytes of a file."""
    found = sections(data)
    lengths = found[b"STRS"].table()[0]
    strings = ["", *(found[b"STRS"].text(length) for length in lengths)]
    files, names, lines = (steps(column) for column in found[b"FRMS"].table()[:3])
    frames = [
        (strings[file], line, strings[name])
        for file, name, line in zip(files, names, lines, strict=True)
    ]
    ups, node_frames = found[b"NODS"].table()[:2]
    node_frames = steps(node_frames)
    stack_nodes, totals = found[b"STKS"].table()[:2]
    stacks: list[list[Frame]] = []
    for node_from_one in steps(stack_nodes):
        stack: list[Frame] = []
        node = node_from_one - 1
        while node >= 0:
            stack.append(frames[node_frames[node]])
            node = node - ups[node] if ups[node] else -1
        stacks.append(stack)
    domains, row_stacks, sizes, counts = found[b"ROWS"].table()[:4]
    rows = [
        Row(domain, size, count, totals[stack] - 1 if totals[stack] else None, stacks[stack])
        for domain, stack, size, count in zip(
            domains, steps(row_stacks), steps(sizes), counts, strict=True
        )
    ]
    info = {name: column[0] for name, column in zip(INFO, found[b"INFO"].table(), strict=False)}
    snapshot = Snapshot(info, rows)
    if b"KIND" in found:
        snapshot.kind = KINDS[found[b"KIND"].table()[0][0]]
    if b"ABUT" in found:
        snapshot.about = found[b"ABUT"].plain()
    if b"ATTR" in found:
        snapshot.attributes = found[b"ATTR"].plain()
    return snapshot
