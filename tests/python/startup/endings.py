"""Ends in the way that argv[1] names, after printing `ready`."""

import os
import signal
import sys
import time
from types import FrameType

KEPT = [bytes(10_000) for _ in range(100)]


def own_handler(_number: int, _frame: FrameType | None) -> None:
    print("own handler", flush=True)
    sys.exit(9)


def wait() -> None:
    # Not by print: a handler may not print in the middle of that.
    os.write(1, b"ready\n")
    while True:
        time.sleep(0.01)


def main() -> None:
    way = sys.argv[1]
    if way == "end":
        print("ready")
    elif way == "sys.exit":
        sys.exit(7)
    elif way == "message":
        sys.exit("a last word")
    elif way == "exception":
        raise LookupError("nothing there")
    elif way == "os._exit":
        os._exit(5)
    elif way == "exec":
        os.execv(sys.executable, [sys.executable, "-c", "print('another')"])
    elif way == "wait":
        wait()
    elif way == "own handler":
        signal.signal(signal.SIGTERM, own_handler)
        wait()
    elif way == "chained handler":
        before = signal.getsignal(signal.SIGTERM)

        def chained(number: int, frame: FrameType | None) -> None:
            if callable(before):
                before(number, frame)
            print("after", flush=True)
            sys.exit(9)

        signal.signal(signal.SIGTERM, chained)
        wait()
    elif way == "default":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        wait()
    elif way == "stop":
        import tracemalloc

        tracemalloc.stop()
    elif way == "elsewhere":
        os.chdir("/")
    elif way == "no stderr":
        sys.stderr = None
    elif way == "child":
        if os.fork() == 0:
            wait()
        os.wait()
    else:
        raise ValueError(way)


if __name__ == "__main__":
    main()
