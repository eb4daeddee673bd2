"""Starts children by the method that argv[1] names; prints what they see, in the form of state.py.

A function and a class of this `__main__` go there and come back.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from typing import Any


class Answer:
    def __init__(self, text: str) -> None:
        self.text = text


def look(text: str) -> tuple[Answer, str, bool, int, bool, int]:
    place = __import__("tracemalloc")
    block = bytes(5000)
    return (
        Answer(text),
        place.__name__,
        place.is_tracing(),
        place.get_traceback_limit(),
        place.get_object_traceback(block) is not None,
        os.getpid(),
    )


def send(queue: "multiprocessing.Queue[Any]") -> None:
    kept = [bytes(100_000 + number) for number in range(50)]
    queue.put((os.getpid(), tracemalloc.take_snapshot() if tracemalloc.is_tracing() else None))
    del kept


def main() -> None:
    method = sys.argv[1]
    if method == "subprocess":
        code = "import json, tracemalloc as t; print(json.dumps([t.__name__, t.is_tracing()]))"
        print(subprocess.check_output([sys.executable, "-c", code], text=True).strip())
        return
    if method == "os.fork":
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        os.waitpid(pid, 0)
        print(json.dumps({"child": pid, "pid": os.getpid()}))
        return
    context: Any = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        answer, module, is_tracing, limit, is_traced, pid = pool.submit(look, "back").result()
    queue = context.Queue()
    process = context.Process(target=send, args=(queue,))
    process.start()
    sender, snapshot = queue.get()
    process.join()
    print(
        json.dumps(
            {
                "text": answer.text,
                "is_main": type(answer) is Answer,
                "module": module,
                "is_tracing": is_tracing,
                "limit": limit,
                "is_traced": is_traced,
                "pids": [pid, sender],
                "exit": process.exitcode,
                "snapshot": snapshot and type(snapshot).__module__,
                "traces": snapshot and len(snapshot.traces),
                "sizes": snapshot
                and sum(1 for t in snapshot.traces if 100_000 <= t.size - 33 < 100_050),
            }
        )
    )


if __name__ == "__main__":
    main()
