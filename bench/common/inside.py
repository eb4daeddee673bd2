"""What benchmarks do in the measured process: trace, look at its memory, answer.

This module is imported before tracing starts, and imports only what the interpreter has loaded.
"""
# pathlib would be in the process that is measured:
# ruff: noqa: PTH123

import os
import sys

from configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _load(module: "str | None") -> "Any":
    # By name: only the measured interpreter has these modules.
    if module is None:
        return None
    __import__(module)
    return sys.modules[module]


class Tracing:
    """Tracing under one configuration, from now to the end of this process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._module = _load(config.module)
        if config.tool in ("ours", "stdlib"):
            self._module.start(config.nframe, **config.options)
        elif config.tool == "noop":
            self._module.start(config.options["follow_reuse"])
        elif config.tool == "memray":
            destination = self._module.FileDestination("/dev/null", overwrite=True)
            self._tracker = self._module.Tracker(
                destination=destination, trace_python_allocators=True
            )
            self._tracker.__enter__()
        elif config.tool == "ddtrace":
            self._module.MemoryCollector().start()

    def figures(self) -> dict[str, int]:
        """What the tracer says now; an error if something has stopped it."""
        if self.config.tool not in ("ours", "stdlib"):
            return {}
        if not self._module.is_tracing():
            raise RuntimeError("the program, or something that it imports, stopped the tracer")
        traced, peak = self._module.get_traced_memory()
        return {
            "traced": traced,
            "traced_peak": peak,
            "tracer_memory": self._module.get_tracemalloc_memory(),
        }


def _status(name: bytes) -> int:
    with open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name!r}")


def peak_rss() -> int:
    """The most bytes that this process had resident.

    getrusage() would also count the process that started this one, as it was before exec.
    """
    return _status(b"VmHWM:")


def rss() -> int:
    """The bytes that this process has resident now."""
    return _status(b"VmRSS:")


def answer(descriptor: str, figures: "dict[str, Any]") -> None:
    """Sends figures to the benchmark, and ends this process at once.

    The end of the interpreter is not measured, and with some tracers it takes long.
    """
    # JSON writes numbers and lists of them as Python does: no need to import its module.
    line = ", ".join(f'"{key}": {value!r}' for key, value in figures.items())
    os.write(int(descriptor), b"{%s}\n" % line.encode())
    os._exit(0)
