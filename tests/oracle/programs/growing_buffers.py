"""Blocks that are resized: lists, bytearrays, dicts, sets, buffers, arrays, text of every width."""

from __future__ import annotations

import array
import collections
import io
import zlib


def grown(count: int) -> list[object]:
    items: list[object] = []
    for number in range(count):
        items.append(number)
        if number % 3 == 0:
            items.pop(0)
    return items


def text(count: int) -> list[str]:
    # One, two and four bytes a character.
    return [
        "a" * n + "\xe9" * (n % 3) + "\u20ac" * (n % 5 // 4) + "\U0001f40d" * (n % 7 // 6)
        for n in range(count)
    ]


def joined(parts: list[str]) -> str:
    result = ""
    for part in parts:
        result += part
    return result


def main() -> object:
    lists = [grown(size) for size in range(0, 600, 5)]
    parts = text(400)
    buffers = []
    for size in range(0, 4000, 40):
        buffer = bytearray()
        for number in range(size):
            buffer.append(number & 255)
        del buffer[: size // 3]
        buffers.append(buffer)
    stream, raw = io.StringIO(), io.BytesIO()
    for part in parts:
        stream.write(part)
        raw.write(part.encode())
    packed = [zlib.compress(raw.getvalue()[: n * 1000]) for n in range(40)]
    unpacked = [zlib.decompress(data) for data in packed]
    numbers = array.array("q")
    for number in range(5000):
        numbers.append(number)
    shrunk: dict[object, object] = {n: str(n) for n in range(3000)}
    for number in range(0, 3000, 2):
        del shrunk[number]
    shrunk |= {str(n): n for n in range(500)}
    window = collections.deque(range(100_000, 103_000), maxlen=700)
    window.extend(range(200_000, 200_500))
    kinds = {frozenset((n, n + 1)) for n in range(1000)} - {frozenset((5, 6))}
    lines = joined(parts).splitlines(), bytes(buffers[-1]).hex(), "%s|" * 50 % tuple(parts[:50])
    return (
        lists,
        parts,
        buffers,
        stream,
        raw,
        packed,
        unpacked,
        numbers,
        shrunk,
        window,
        kinds,
        lines,
    )
