"""Turns results into ratios, and ratios into Markdown."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, geometric_mean, median

import machine
from configs import BASE, Config
from document import table
from results import Results, Run

Quantity = Callable[[Run], float]


def seconds(run: Run) -> float:
    """The time of a run."""
    return run.seconds


def peak_rss(run: Run) -> float:
    """The memory of a run."""
    return float(run.peak_rss)


@dataclass(frozen=True)
class Ratio:
    """One program under one configuration: its ratio to the base in each round."""

    program: str
    by_round: dict[int, float]

    @property
    def median(self) -> float:
        """The ratio to quote."""
        return median(self.by_round.values())

    @property
    def low(self) -> float:
        """The smallest of any round."""
        return min(self.by_round.values())

    @property
    def high(self) -> float:
        """The largest of any round."""
        return max(self.by_round.values())


def ratios(results: Results, config: str, quantity: Quantity) -> list[Ratio]:
    """The ratios of all programs that never failed, in order of their names."""
    failed = {run.program for run in results.runs if run.error and run.config in (BASE, config)}
    base = {
        (run.program, run.round): run
        for run in results.runs
        if run.config == BASE and run.program not in failed
    }
    found: dict[str, dict[int, float]] = {}
    for run in results.runs:
        key = (run.program, run.round)
        if run.config == config and key in base:
            ratio = quantity(run) / quantity(base[key])
            found.setdefault(run.program, {})[run.round] = ratio
    return [Ratio(program, found[program]) for program in sorted(found)]


@dataclass(frozen=True)
class Summary:
    """One quantity of one configuration, over all programs."""

    programs: int
    rounds: int
    mean: float
    # Geometric mean of the round in which it was smallest, and largest.
    low: float
    high: float
    worst: Ratio


def summarize(rows: list[Ratio]) -> Summary:
    """Takes the geometric mean over programs, and the worst of them."""
    # A round that was interrupted has not all programs, and would compare unlike with like.
    complete = set.intersection(*(set(row.by_round) for row in rows))
    means = [geometric_mean(row.by_round[number] for row in rows) for number in sorted(complete)]
    mean = geometric_mean(row.median for row in rows)
    return Summary(
        programs=len(rows),
        rounds=len(means),
        mean=mean,
        low=min(means, default=mean),
        high=max(means, default=mean),
        worst=max(rows, key=lambda row: row.median),
    )


def _ratio(value: float) -> str:
    return f"{value:.2f}x" if value < 9.995 else f"{value:.1f}x"


def _with_spread(ratio: Ratio) -> str:
    text = _ratio(ratio.median)
    return text if len(ratio.by_round) == 1 else f"{text} ({ratio.low:.2f} to {ratio.high:.2f})"


def _span(figures: Summary) -> str:
    if figures.rounds < 2:
        return ""
    return f"{figures.low:.3f} to {figures.high:.3f}"


def _measured(results: Results) -> list[Config]:
    names = {run.config for run in results.runs if not run.error} - {BASE}
    return [Config(name) for name in results.configs if name in names]


_FIGURES = [
    *("programs", "rounds", "time", "by round", "worst"),
    *("peak RSS", "by round", "worst"),
]


def _summary_rows(results: Results) -> list[list[str]]:
    rows = []
    for config in _measured(results):
        times = ratios(results, config.name, seconds)
        if not times:
            continue
        row = [config.label, str(len(times)), str(max(len(ratio.by_round) for ratio in times))]
        for figures in (summarize(times), summarize(ratios(results, config.name, peak_rss))):
            row.append(_ratio(figures.mean))
            row.append(_span(figures))
            row.append(f"{_ratio(figures.worst.median)} {figures.worst.program}")
        rows.append(row)
    return rows


def _program_table(results: Results, quantity: Quantity, unit: float, digits: int) -> str:
    configs = _measured(results)
    base: dict[str, list[float]] = {}
    for run in results.runs:
        if run.config == BASE and not run.error:
            base.setdefault(run.program, []).append(quantity(run))
    cells = {
        config.name: {row.program: row for row in ratios(results, config.name, quantity)}
        for config in configs
    }
    rows = []
    for program in sorted(base):
        row = [program, f"{median(base[program]) / unit:.{digits}f}"]
        for config in configs:
            ratio = cells[config.name].get(program)
            row.append(_with_spread(ratio) if ratio else "")
        rows.append(row)
    name = "no tracing, ms a loop" if quantity is seconds else "no tracing, MiB"
    return table(["program", name, *(config.label for config in configs)], rows)


def _load(results: Results) -> str:
    loads = [run.load for run in results.runs]
    return (
        f"load average {fmean(loads):.1f} (most {max(loads):.1f}), "
        "of which the benchmark itself is 1"
    )


def _method(results: Results) -> str:
    settings = results.settings
    clock = "processor time" if settings["clock"] == "cpu" else "wall time"
    return (
        f"{clock}, {settings['values']} values of {settings['seconds']} s a process or one loop "
        "where that takes longer; ratio to no tracing in the same round; median of rounds; "
        "geometric mean over programs"
    )


def _setting(results: Results) -> str:
    lines = [machine.lines(results.machine)]
    if results.settings["note"]:
        lines.append(f"- {results.settings['note']}")
    return "\n".join([*lines, f"- {_load(results)}", f"- {_method(results)}"])


def _failures(results: Results) -> list[str]:
    return [
        f"- {run.program}, {Config(run.config).label}: {run.error}"
        for run in results.runs
        if run.error
    ]


def has_failures(results: Results) -> bool:
    """Whether a run has no figures."""
    return any(run.error for run in results.runs)


def _failed(results: Results) -> list[str]:
    failures = _failures(results)
    heading = "Failed, and left out of their configuration:"
    return [heading, "\n".join(failures)] if failures else []


def summary(results: Results) -> str:
    """What was measured on what, and one line for each configuration."""
    rows = table(["", *_FIGURES], _summary_rows(results))
    return "\n\n".join([_setting(results), rows, *_failed(results)])


def _version(results: Results) -> str:
    return ".".join(results.machine["interpreter"].split()[0].split(".")[:2])


def _short_setting(results: Results) -> str:
    lines = [line.removeprefix("- ") for line in machine.lines(results.machine).splitlines()]
    note = results.settings["note"]
    texts = [*lines, *([str(note)] if note else []), _load(results)]
    return f"- {_version(results)}: {'; '.join(texts)}"


def _others(others: list[Results]) -> list[str]:
    """One table of several interpreters, under what each was measured on."""
    rows = []
    for results in others:
        first = _version(results)
        for row in _summary_rows(results):
            rows.append([first, *row])
            first = ""
    parts = ["Other interpreters:", "\n".join(map(_short_setting, others))]
    parts.append(table(["interpreter", "configuration", *_FIGURES], rows, names=2))
    for results in others:
        if failed := _failed(results):
            parts += [f"{_version(results)}: {failed[0]}", failed[1]]
    return parts


def markdown(results: Results, others: list[Results]) -> str:
    """The whole report: of one interpreter all, of the others what their programs have in common.

    A program that an interpreter cannot run is named, and is in none of its means.
    """
    parts = [summary(results)]
    if others:
        parts += _others(others)
        parts.append(f"The programs one by one, on {_version(results)}.")
    parts += ["Time by program:", _program_table(results, seconds, 1e-3, 2)]
    parts += ["Peak RSS by program:", _program_table(results, peak_rss, 2**20, 1)]
    return "\n\n".join(parts) + "\n"
