"""Visitors who look at pages: `python visitors.py shop.sock 1000`."""

import random
import socket
import sys
import time

PATIENCE_SECONDS = 60


def connect(path: str) -> socket.socket:
    """Connect to the shop as soon as it is open."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return connection


def main() -> None:
    """Look at so many pages."""
    path, count = sys.argv[1], int(sys.argv[2])
    chance = random.Random(count)
    with connect(path) as connection, connection.makefile("rb") as answers:
        for _ in range(count):
            url = f"/product/{chance.randrange(400)}?visit={chance.getrandbits(64):x}"
            connection.sendall(f"GET {url} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
            length = 0
            while (line := answers.readline()) != b"\r\n":
                if line.startswith(b"Content-Length: "):
                    length = int(line.split()[1])
            answers.read(length)
        # Who stays until the shop has said goodbye leaves nothing there.
        connection.shutdown(socket.SHUT_WR)
        answers.read()
    print(f"{count} pages seen")


main()
