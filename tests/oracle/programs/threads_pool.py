"""Threads: a pool, threads with their own data, and some that still stand deep in a call."""

from __future__ import annotations

import concurrent.futures
import hashlib
import queue
import threading
import zlib

WORKERS = 6


def work(number: int) -> dict[str, object]:
    text = f"{number} " * 200
    packed = zlib.compress(text.encode())
    return {
        "number": number,
        "packed": packed,
        "digest": hashlib.sha256(packed).hexdigest(),
        "words": text.split()[:20],
    }


class Standing(threading.Thread):
    """Keeps local data alive at some depth until it is told to go on, which never happens."""

    def __init__(self, depth: int) -> None:
        super().__init__(daemon=True)
        self.depth = depth
        self.ready = threading.Event()
        self.forever = threading.Event()

    def run(self) -> None:
        self.descend(self.depth)

    def descend(self, depth: int) -> int:
        local = [f"depth {depth}", {"depth": depth}]
        if depth == 0:
            self.ready.set()
            self.forever.wait()
            return 0
        return len(local) + self.descend(depth - 1)


def drain(source: queue.Queue[int | None], kept: list[object]) -> None:
    while (number := source.get()) is not None:
        kept.append([number, str(number), number / 3])


def main() -> object:
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(work, range(800)))

    source: queue.Queue[int | None] = queue.Queue()
    kept: list[object] = []
    threads = [threading.Thread(target=drain, args=(source, kept)) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for number in range(2000):
        source.put(number)
    for _ in threads:
        source.put(None)
    for thread in threads:
        thread.join()

    standing = [Standing(depth) for depth in (1, 10, 40)]
    for stander in standing:
        stander.start()
        stander.ready.wait()
    return results, kept, threads, standing
