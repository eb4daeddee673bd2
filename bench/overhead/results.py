"""What was measured: kept in memory, written to and read from a JSON file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

FORMAT = 1


@dataclass
class Run:
    """One process."""

    program: str
    config: str
    round: int
    # Seconds a loop takes, for each time that the loops were timed.
    values: list[float] = field(default_factory=list)
    # Bytes.
    peak_rss: int = 0
    # What the tracer says at the end; 0 where there is none to ask.
    traced: int = 0
    traced_peak: int = 0
    tracer_memory: int = 0
    # The machine's load average when the process started: other work disturbs.
    load: float = 0.0
    # Why there are no figures.
    error: str = ""

    @property
    def seconds(self) -> float:
        """The time of one loop."""
        return sum(self.values) / len(self.values)


@dataclass
class Results:
    """All runs of one command, with what they were run on and how."""

    machine: dict[str, str]
    settings: dict[str, str | int | float]
    configs: list[str]
    # How many loops of each program are timed at once.
    loops: dict[str, int] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Writes the file anew, so that an interruption leaves the one before."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(text + "\n")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Reads a file that save() wrote."""
        content = json.loads(path.read_text())
        if content.pop("format", None) != FORMAT:
            raise ValueError(f"{path} was not written by this version of the benchmark")
        runs = [Run(**run) for run in content.pop("runs")]
        return cls(runs=runs, **content)
