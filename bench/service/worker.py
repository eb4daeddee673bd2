"""Lives as a service that renders ever new templates: the process that is measured.

worker.py FD CONFIG HOURS REQUESTS
"""
# pathlib would be in the process that is measured:
# ruff: noqa: PTH118, PTH120

import os
import sys
import time

sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "common"))

from configs import Config
from inside import Tracing, answer, rss

SOURCE = """
def render(depth):
    if depth:
        return render(depth - 1)
    return [bytes(100), "x" * 50]

page = render({depth})
"""
# Pages that stay, as in a cache: the live memory is the same at all hours.
CACHED = 500


def serve(number: int, cache: "dict[int, object]") -> None:
    """Answers one request, by code that never ran before and never will again."""
    scope: dict[str, object] = {}
    source = SOURCE.format(depth=number % 20)
    exec(compile(source, f"/srv/templates/{number}.html", "exec"), scope)
    cache[number % CACHED] = scope["page"]


def main() -> None:
    """Serves so many requests in each simulated hour, and tells how large all is at its end."""
    descriptor, name, hours, requests = sys.argv[1:]
    tracing = Tracing(Config(name))
    cache: dict[int, object] = {}
    resident, tracer, slowest = [], [], []
    for hour in range(int(hours)):
        longest = 0
        for number in range(hour * int(requests), (hour + 1) * int(requests)):
            # Processor time: what other processes do is no pause of the tracer's.
            begin = time.thread_time_ns()
            serve(number, cache)
            longest = max(longest, time.thread_time_ns() - begin)
        resident.append(rss())
        tracer.append(tracing.figures().get("tracer_memory", 0))
        slowest.append(longest)
    answer(descriptor, {"resident": resident, "tracer": tracer, "slowest": slowest})


if __name__ == "__main__":
    main()
