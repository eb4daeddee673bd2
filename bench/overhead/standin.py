"""A stand-in for the module `pyperf` that runs a benchmark in this process, so many times.

The programs of pyperformance describe their benchmark to `pyperf.Runner`, which would start
processes of its own and calibrate in each. Here the caller says how much work is to be done, so
that all configurations do the same, and nothing of pyperf is in the process that is measured.

This module is imported before tracing starts, and imports only what the interpreter has built in.
"""

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable
    from types import ModuleType
    from typing import Any

CLOCKS = {
    # Of all threads: shows what a program that waits would hide, and stands still while other
    # processes have their turn.
    "cpu": time.process_time,
    "wall": time.perf_counter,
}


class Session:
    """How much a program is to run, and how long it took."""

    def __init__(
        self, bench: str, clock: str, warmup: int, loops: int, values: int, seconds: float
    ) -> None:
        """Sets up a session: `warmup` loops, then `values` values of `loops` loops each.

        `bench` is the one to run where a program has several; empty for the only one. After the
        first value, no other starts when `seconds` have gone by. With 0 loops none is taken, but
        the number of loops is looked for that takes `seconds`.
        """
        self.bench = bench
        self.clock = CLOCKS[clock]
        self.warmup = warmup
        self.loops = loops
        self.count = values
        self.seconds = seconds
        self.values: list[float] = []
        self.ran: list[str] = []

    def run(self, name: str, timed: "Callable[[int], float]") -> None:
        """Runs one benchmark, if it is the one asked for."""
        if self.bench and name != self.bench:
            return
        self.ran.append(name)
        if self.loops == 0:
            self._calibrate(timed)
            return
        if self.warmup:
            timed(self.warmup)
        start = self.clock()
        for _ in range(self.count):
            self.values.append(timed(self.loops) / self.loops)
            if self.clock() - start > self.seconds:
                break

    def _calibrate(self, timed: "Callable[[int], float]") -> None:
        loops = 1
        timed(loops)
        while (taken := timed(loops)) < self.seconds / 2:
            loops *= 2
        self.loops = max(1, round(loops * self.seconds / taken))

    def module(self) -> "ModuleType":
        """Makes the module that the program imports as `pyperf`."""
        session = self

        class BoundRunner(Runner):
            def __init__(self, **_options: "Any") -> None:
                super().__init__(session)

        module = type(sys)("pyperf")
        vars(module).update(
            Runner=BoundRunner,
            perf_counter=self.clock,
            python_implementation=lambda: sys.implementation.name,
        )
        return module


class Runner:
    """What the programs use of pyperf's class of that name."""

    def __init__(self, session: Session) -> None:
        self.metadata: dict[str, object] = {}
        self.args: argparse.Namespace | None = None
        self._session = session
        self._argparser: argparse.ArgumentParser | None = None

    @property
    def argparser(self) -> "argparse.ArgumentParser":
        """The parser to which the program adds its own options."""
        if self._argparser is None:
            import argparse

            self._argparser = argparse.ArgumentParser()
        return self._argparser

    def parse_args(self) -> "argparse.Namespace":
        """Parses the program's arguments."""
        self.args = self.argparser.parse_args()
        return self.args

    def bench_func(
        self, name: str, func: "Callable[..., object]", *args: "Any", inner_loops: int = 1
    ) -> None:
        """Times calls of a function."""
        del inner_loops
        clock = self._session.clock

        def timed(loops: int) -> float:
            start = clock()
            for _ in range(loops):
                func(*args)
            return clock() - start

        self._session.run(name, timed)

    def bench_time_func(
        self, name: str, func: "Callable[..., float]", *args: "Any", inner_loops: int = 1
    ) -> None:
        """Runs a function that is given a number of loops and times them itself."""
        del inner_loops
        self._session.run(name, lambda loops: func(loops, *args))

    def bench_async_func(
        self, name: str, func: "Callable[..., Awaitable[object]]", *args: "Any"
    ) -> None:
        """Times calls of a coroutine function, in an event loop for each value."""
        import asyncio

        clock = self._session.clock

        async def repeat(loops: int) -> float:
            start = clock()
            for _ in range(loops):
                await func(*args)
            return clock() - start

        self._session.run(name, lambda loops: asyncio.run(repeat(loops)))

    def bench_command(self, name: str, command: list[str]) -> None:
        """Times runs of `python -m MODULE ARGS...`, in this process so that they are traced."""
        import runpy

        if command[:2] != [sys.executable, "-m"]:
            raise ValueError(f"cannot run {command!r} in this process")
        clock = self._session.clock

        def timed(loops: int) -> float:
            start = clock()
            for _ in range(loops):
                sys.argv = command[2:]
                try:
                    runpy.run_module(command[2], run_name="__main__", alter_sys=True)
                except SystemExit as end:
                    if end.code:
                        raise RuntimeError(f"{command[2]} ended with status {end.code}") from end
            return clock() - start

        self._session.run(name, timed)
