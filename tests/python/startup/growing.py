"""Prints `ready`, and at each line of its input does what that says; prints `done` then."""

import os
import signal
import sys

KEPT = []


def handler(_number: int, _frame: object) -> None:
    # Not print: the signal may come while the loop below is still inside one.
    os.write(1, b"own handler\n")


print("ready", flush=True)
for line in sys.stdin:
    word, _, number = line.strip().partition(" ")
    if word == "grow":
        KEPT.append(b"x" * int(number))
    elif word == "drop":
        KEPT.clear()
    elif word == "look":
        from looks import wait_for_look

        wait_for_look()
    elif word == "fork":
        is_ready, tell_ready = os.pipe()
        if os.fork() == 0:
            KEPT.append(b"y" * int(number))
            # CPython forgets signals that reach a child before it is told of the fork.
            os.write(tell_ready, b"!")
            sys.stdin.readline()
            sys.exit(0)
        os.read(is_ready, 1)
    elif word == "handle":
        signal.signal(int(number), handler)
    elif word == "stop":
        import tracemalloc

        tracemalloc.stop()
    print("done", flush=True)
