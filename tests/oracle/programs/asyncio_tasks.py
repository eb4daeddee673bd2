"""asyncio: tasks, queues, async generators, context variables, streams of a socket pair."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import AsyncIterator

label: contextvars.ContextVar[str] = contextvars.ContextVar("label")


async def count(limit: int) -> AsyncIterator[int]:
    for number in range(limit):
        yield number
        if number % 10 == 0:
            await asyncio.sleep(0)


async def produce(queue: asyncio.Queue[tuple[str, int]], name: str) -> list[str]:
    label.set(name)
    seen = []
    async for number in count(200):
        await queue.put((label.get(), number))
        seen.append(f"{name}-{number}")
    return seen


async def consume(queue: asyncio.Queue[tuple[str, int]], kept: list[object]) -> None:
    while True:
        kept.append(await queue.get())
        queue.task_done()


async def descend(depth: int) -> list[str]:
    """Await a coroutine in a coroutine in a coroutine: deep stacks that suspend at the bottom."""
    if depth == 0:
        await asyncio.sleep(0)
        return []
    return [*(await descend(depth - 1)), str(depth)]


async def talk() -> list[bytes]:
    left, right = socket.socketpair()
    reader, other_writer = await asyncio.open_connection(sock=left)
    _, writer = await asyncio.open_connection(sock=right)
    lines = []
    for number in range(100):
        writer.write(b"line %d\n" % number)
        await writer.drain()
        lines.append(await reader.readline())
    for each in (writer, other_writer):
        each.close()
        await each.wait_closed()
    return lines


async def serve() -> object:
    kept: list[object] = []
    queue: asyncio.Queue[tuple[str, int]] = asyncio.Queue(maxsize=20)
    consumers = [asyncio.create_task(consume(queue, kept)) for _ in range(5)]
    produced = await asyncio.gather(*(produce(queue, f"producer {n}") for n in range(30)))
    await queue.join()
    for consumer in consumers:
        consumer.cancel()
    ended = await asyncio.gather(*consumers, return_exceptions=True)
    deep = await asyncio.gather(*(descend(depth) for depth in (3, 30, 60)))
    return kept, produced, ended, deep, await talk()


def main() -> object:
    return asyncio.run(serve())
