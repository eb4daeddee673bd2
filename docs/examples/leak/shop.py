"""A shop on a Unix socket: `python shop.py shop.sock`."""

import asyncio
import sys

from pages import page_of


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    while request := await reader.readline():
        _method, url, _version = request.decode().split()
        while await reader.readline() != b"\r\n":
            pass
        page = page_of(url)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
        await writer.drain()
    writer.close()


async def main() -> None:
    """Listen until the process is told to end."""
    server = await asyncio.start_unix_server(serve, sys.argv[1])
    await server.serve_forever()


asyncio.run(main())
