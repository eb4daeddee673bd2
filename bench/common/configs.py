"""The configurations that are compared, by name.

This module is imported in the measured process before tracing starts, so it imports nothing itself.

    off                no tracing: the base of every ratio
    control            no tracing, measured again: its ratio shows the noise of the machine
    ours-N             ctracemalloc with N frames and default options
    ours-N-nototal     ... without total_nframe
    ours-N-noreuse     ... without following of reused objects
    ours-N-bare        ... without both
    noop               hooks of the allocators that do nothing: what the interpreter's calls cost
    noop-reuse         ... and a tracer of references that does nothing (3.13+)
    stdlib-N           the interpreter's tracemalloc with N frames
    memray             memray with the Python allocators traced
    ddtrace            ddtrace's memory profiler, which takes samples
"""

BASE = "off"
CONTROL = "control"

# Whose tracer is that of a configuration: the module to import.
MODULES = {
    "ours": "ctracemalloc",
    "noop": "noop_hooks",
    "stdlib": "tracemalloc",
    "memray": "memray",
    "ddtrace": "ddtrace.profiling.collector.memalloc",
}

OPTIONS = {
    "": {},
    "nototal": {"total_nframe": False},
    "noreuse": {"follow_reuse": False},
    "bare": {"total_nframe": False, "follow_reuse": False},
}

NOOP = {"noop": {"follow_reuse": False}, "noop-reuse": {"follow_reuse": True}}


class Config:
    """One way to run a program, parsed from its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tool, _, rest = name.partition("-")
        self.nframe = 0
        self.options: dict[str, bool] = {}
        if self.tool in ("ours", "stdlib"):
            nframe, _, options = rest.partition("-")
            known = OPTIONS if self.tool == "ours" else {"": {}}
            if nframe.isdecimal() and 1 <= int(nframe) <= 65535 and options in known:
                self.nframe = int(nframe)
                self.options = known[options]
                return
        elif name in NOOP:
            self.options = NOOP[name]
            return
        elif name in (BASE, CONTROL, "memray", "ddtrace"):
            return
        raise ValueError(
            f"unknown configuration {name!r}: use {BASE}, {CONTROL}, ours-N, ours-N-nototal, "
            "ours-N-noreuse, ours-N-bare, noop, noop-reuse, stdlib-N, memray or ddtrace, with N "
            "from 1 to 65535"
        )

    @property
    def label(self) -> str:
        """The name that a report shows."""
        if self.name == BASE:
            return "no tracing"
        if self.name == CONTROL:
            return "no tracing, again"
        if self.tool == "noop":
            calls = "hooks and tracer" if self.options["follow_reuse"] else "hooks"
            return f"{calls} that do nothing"
        if self.tool == "memray":
            return "memray, whole stacks"
        if self.tool == "ddtrace":
            return "ddtrace, sampled"
        tool = "ctracemalloc" if self.tool == "ours" else "stdlib tracemalloc"
        frames = "1 frame" if self.nframe == 1 else f"{self.nframe} frames"
        lost = {"total_nframe": "no `total_nframe`", "follow_reuse": "reuse not followed"}
        return ", ".join([tool, frames, *(lost[option] for option in self.options)])

    @property
    def is_reference(self) -> bool:
        """Whether this is somebody else's tracer, measured for comparison."""
        return self.tool in ("stdlib", "memray", "ddtrace")

    @property
    def is_slow(self) -> bool:
        """Whether the tracer takes so long that nothing else about a program counts."""
        return self.tool == "stdlib" and self.nframe > 1

    @property
    def module(self) -> str | None:
        """The module that the measured interpreter needs for this configuration."""
        return MODULES.get(self.tool)
