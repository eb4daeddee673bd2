"""Prints `ready`, and at each line of its input does what that says; prints `done` then."""

import os
import signal
import sys

KEPT = []


def handler(_number: int, _frame: object) -> None:
    print("own handler", flush=True)


print("ready", flush=True)
for line in sys.stdin:
    word, _, number = line.strip().partition(" ")
    if word == "grow":
        KEPT.append(b"x" * int(number))
    elif word == "drop":
        KEPT.clear()
    elif word == "fork":
        if os.fork() == 0:
            KEPT.append(b"y" * int(number))
            sys.stdin.readline()
            sys.exit(0)
    elif word == "handle":
        signal.signal(int(number), handler)
    elif word == "stop":
        import tracemalloc

        tracemalloc.stop()
    print("done", flush=True)
