"""An asyncio server under load, traced exactly, for half an hour; needs wrk and requirements.txt.

    run.py [--minutes N] [--nframe N]

Before and after the long run the same server is measured untraced: requests a second, and the
processor time of one, which other work on the machine changes less. Fails if a response was an
error, if a trace was dropped, or if the tracer's own memory grew: its median over the last third of
the time against that over the middle third.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
CONNECTIONS = 16
WARM_UP_SECONDS = 5
GROWTH_ALLOWED = 0.03

Sample = dict[str, Any]


@contextlib.contextmanager
def server(*arguments: str) -> Iterator[str]:
    """Start a server; what is given is its address."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "server.py"), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.communicate(timeout=60)
    if process.returncode != 0:
        raise SystemExit(f"the server ended with status {process.returncode}")


def ask(url: str) -> Sample:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: Sample = json.load(answer)
        return found


class Load:
    """wrk at work in the background."""

    def __init__(self, url: str, seconds: int) -> None:
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", url]
        self.limit = seconds + 60
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def is_running(self) -> bool:
        return self.process.poll() is None

    def rate(self) -> float:
        """Requests a second; any error is the end."""
        text, _ = self.process.communicate(timeout=self.limit)
        found = re.search(r"Requests/sec: +([\d.]+)", text)
        if self.process.returncode != 0 or found is None or float(found[1]) == 0:
            raise SystemExit(f"wrk failed:\n{text}")
        if re.search(r"Non-2xx|Socket errors", text):
            raise SystemExit(f"some responses were errors:\n{text}")
        return float(found[1])


class Speed(NamedTuple):
    """Requests a second, and the server's processor time for one, in microseconds."""

    rate: float
    cost: float


def cost(before: Sample, after: Sample) -> float:
    work = {key: after[key] - before[key] for key in ("processor", "served")}
    return float(work["processor"] / work["served"] * 1e6)


def speed_untraced(seconds: int) -> Speed:
    with server() as address:
        Load(address + "/", WARM_UP_SECONDS).rate()
        before = ask(address + "/state")
        rate = Load(address + "/", seconds).rate()
        return Speed(rate, cost(before, ask(address + "/state")))


def soak(seconds: int, nframe: int) -> tuple[Speed, list[Sample]]:
    samples: list[Sample] = []
    with server(str(nframe)) as address:
        Load(address + "/", WARM_UP_SECONDS).rate()
        before = ask(address + "/state")
        begun = time.monotonic()
        load = Load(address + "/", seconds)
        pause = max(seconds / 120, 1)
        while load.is_running():
            time.sleep(pause)
            if len(samples) % 10 == 9:
                ask(address + "/snapshot")
            sample = ask(address + "/state") | {"second": round(time.monotonic() - begun)}
            samples.append(sample)
        return Speed(load.rate(), cost(before, samples[-1])), samples


def judge(samples: list[Sample]) -> bool:
    """Print what the tracer's memory did; whether it grew or lost anything."""
    third = len(samples) // 3
    middle, last = (
        statistics.median(sample["tracer"] for sample in part)
        for part in (samples[third : 2 * third], samples[2 * third :])
    )
    for sample in samples[:: max(len(samples) // 10, 1)]:
        traced, tracer = sample["traced"] / 2**20, sample["tracer"] / 2**20
        print(
            f"{sample['second']:6d} s  {sample['served']:9d} requests"
            f"  traced {traced:7.2f} MiB  tracer {tracer:6.2f} MiB"
        )
    growth: float = last / middle - 1
    missing: int = samples[-1]["dropped"] + samples[-1]["lost"]
    print(f"the tracer's memory, last third against middle third: {growth:+.2%}")
    print(f"traces dropped or lost: {missing}")
    return growth <= GROWTH_ALLOWED and missing == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--nframe", type=int, default=25)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("soak: wrk is not there: install the package 'wrk'")

    short = max(10, min(60, round(options.minutes * 4)))
    before = speed_untraced(short)
    traced, samples = soak(round(options.minutes * 60), options.nframe)
    after = speed_untraced(short)
    rate, processor = (statistics.mean(pair) for pair in zip(before, after, strict=True))
    passed = judge(samples)
    print(f"{options.minutes:g} minutes, {options.nframe} frames, no response was an error")
    print(
        f"requests a second: {rate:.0f} untraced ({before.rate:.0f} before, "
        f"{after.rate:.0f} after), {traced.rate:.0f} traced: {traced.rate / rate:.2f} of it"
    )
    print(
        f"processor time of a request: {processor:.0f} us untraced ({before.cost:.0f} before, "
        f"{after.cost:.0f} after), {traced.cost:.0f} us traced: {traced.cost / processor:.2f} of it"
    )
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
