"""The server under load: JSON in and out, tasks, a cache that is full after a while.

server.py [NFRAME]: traced from the start with so many frames, if they are given. Prints its port.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections import OrderedDict
from typing import Any

import ctracemalloc
from aiohttp import web  # type: ignore[import-not-found]

CACHE_LIMIT = 2_000
DOCUMENT = {"users": [{"id": i, "name": f"user {i}", "tags": ["a", "b"]} for i in range(20)]}

cache: OrderedDict[str, dict[str, Any]] = OrderedDict()
served = 0


async def look_up(key: str) -> dict[str, Any]:
    await asyncio.sleep(0)
    if key not in cache:
        cache[key] = json.loads(json.dumps(DOCUMENT))
        if len(cache) > CACHE_LIMIT:
            cache.popitem(last=False)
    return cache[key]


async def handle(request: web.Request) -> web.Response:
    global served
    served += 1
    keys = [hashlib.sha256(f"{served * 7 + i}".encode()).hexdigest()[:4] for i in range(3)]
    found = await asyncio.gather(*[asyncio.create_task(look_up(key)) for key in keys])
    return web.json_response({"found": found, "served": served})


async def state(_: web.Request) -> web.Response:
    work = {"served": served, "processor": time.process_time()}
    if not ctracemalloc.is_tracing():
        return web.json_response(work)
    current, peak = ctracemalloc.get_traced_memory()
    return web.json_response(
        work
        | {
            "traced": current,
            "peak": peak,
            "tracer": ctracemalloc.get_tracemalloc_memory(),
            "dropped": ctracemalloc.get_dropped(),
            "lost": ctracemalloc.get_lost(),
        }
    )


async def take(_: web.Request) -> web.Response:
    snapshot = ctracemalloc.take_snapshot()
    return web.json_response({"lines": len(snapshot.statistics("lineno"))})


async def serve() -> None:
    app = web.Application()
    app.add_routes([web.get("/", handle), web.get("/state", state), web.get("/snapshot", take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    # The end comes with the standard input's.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ctracemalloc.start(int(sys.argv[1]))
    asyncio.run(serve())
