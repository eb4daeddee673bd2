"""Runs programs under configurations, in turn, each as a process of its own."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import ChildError, ask
from configs import BASE, Config
from programs import Program
from results import Results, Run

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and how."""

    python: str
    # Where pyperformance keeps its programs.
    benchmarks: Path
    programs: list[Program]
    # The base first.
    configs: list[Config]
    rounds: int
    # Rounds for the tracers of others, which are slow and are measured for comparison only.
    reference_rounds: int
    # The programs' loops are repeated until they take this long without tracing.
    seconds: float
    # How often they are timed in each process; a slow one stops after twice the time of the base.
    values: int
    clock: str
    # Seconds after which a process is ended.
    timeout: float
    # Seconds after which no other program has its turn.
    time_limit: float

    def rounds_of(self, config: Config) -> int:
        """How many rounds a configuration takes part in."""
        return min(self.reference_rounds, self.rounds) if config.is_reference else self.rounds

    def configs_in(self, number: int) -> list[Config]:
        """The configurations of a round, each time another one first."""
        taken = [config for config in self.configs if number < self.rounds_of(config)]
        first = number % len(taken)
        return taken[first:] + taken[:first]

    def warmup_loops(self, program: Program, config: Config, loops: int) -> int:
        """How many loops are run before the timed ones.

        None where the tracer alone makes the time: it would cost minutes and change nothing.
        """
        if not program.warmup or config.is_slow:
            return 0
        return max(1, loops // 2)


def find_benchmarks(python: str) -> Path:
    """Where the interpreter's pyperformance has its programs."""
    script = "import pyperformance; print(pyperformance.__path__[0])"
    answer = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise FileNotFoundError(
            f"{python} has no pyperformance: make a venv that has with 'run.py prepare'"
        )
    return Path(answer.stdout.strip()) / "data-files" / "benchmarks"


def _run_worker(
    plan: Plan, program: Program, config: Config, number: int, warmup: int, loops: int
) -> dict[str, Any]:
    script = program.file(plan.benchmarks)
    # To calibrate, the time of one value is given; to measure, what all take without tracing.
    seconds = plan.seconds * plan.values if loops else plan.seconds
    arguments = [
        *[config.name, plan.clock, str(warmup), str(loops), str(plan.values), str(seconds)],
        str(script.parent / program.path) if program.path else "",
        *[program.unload, program.bench, str(script), *program.args],
    ]
    # One hash seed for all configurations of a round, another one in the next.
    environment = {"PYTHONHASHSEED": str(number + 1)}
    return ask(plan.python, WORKER, arguments, timeout=plan.timeout, environment=environment)


def calibrate(plan: Plan, program: Program) -> int:
    """How many loops of a program take the planned time without tracing."""
    return int(_run_worker(plan, program, Config(BASE), 0, 0, 0)["loops"])


def run_once(plan: Plan, program: Program, config: Config, number: int, loops: int) -> Run:
    """Measures one process."""
    load = os.getloadavg()[0]
    warmup = plan.warmup_loops(program, config, loops)
    run = Run(program.name, config.name, number, load=round(load, 2))
    try:
        figures = _run_worker(plan, program, config, number, warmup, loops)
    except ChildError as error:
        run.error = str(error)
        return run
    del figures["loops"]
    vars(run).update(figures)
    return run


def _take_turn(
    plan: Plan, results: Results, program: Program, configs: list[Config], number: int
) -> list[Run]:
    if program.name not in results.loops:
        try:
            results.loops[program.name] = calibrate(plan, program)
        except ChildError as error:
            return [Run(program.name, BASE, number, error=str(error))]
    loops = results.loops[program.name]
    return [run_once(plan, program, config, number, loops) for config in configs]


def measure(plan: Plan, results: Results, output: Path) -> bool:
    """Measures what the results do not hold yet, and writes them after each turn.

    False: there was no time for all.
    """
    end = time.monotonic() + plan.time_limit
    done = {(run.program, run.config, run.round) for run in results.runs}
    for number in range(max(map(plan.rounds_of, plan.configs))):
        for position, program in enumerate(plan.programs, 1):
            wanted = [
                config
                for config in plan.configs_in(number)
                if (program.name, config.name, number) not in done
            ]
            if not wanted:
                continue
            if time.monotonic() > end:
                return False
            turn = _take_turn(plan, results, program, wanted, number)
            results.runs += turn
            results.save(output)
            where = f"round {number + 1}/{plan.rounds}, {position}/{len(plan.programs)}"
            print(f"{where}: {program.name}: {_progress(turn)}", file=sys.stderr, flush=True)
    return True


def _progress(turn: list[Run]) -> str:
    base = next((run for run in turn if run.config == BASE and not run.error), None)
    parts = []
    for run in turn:
        if run.error:
            parts.append(f"{run.config} FAILED ({run.error})")
        elif base is None or run is base:
            parts.append(f"{run.config} {run.seconds * 1e3:.3g} ms")
        else:
            parts.append(f"{run.config} {run.seconds / base.seconds:.2f}x")
    return ", ".join(parts)
