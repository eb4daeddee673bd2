"""What a run of CPython's own tests must show: the excuses, and the judgement of two reports.

Nothing here runs a test. `judge` compares the report of a run on stdlib's tracer with that of a run
on ours and returns what is wrong in words; an empty list is the only success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PREFIX = "test.test_tracemalloc."

OURS = "ours"
STDLIB = "stdlib"


@dataclass(frozen=True)
class Excuse:
    """A test that may fail with ours, and must: a passing test with an excuse is an error."""

    test: str
    reason: str
    # Versions (major, minor) on which the excuse holds; empty means all.
    versions: frozenset[tuple[int, int]] = frozenset()

    def holds_on(self, version: tuple[int, int]) -> bool:
        """Tell whether the excuse is meant for this version of Python."""
        return not self.versions or version in self.versions


_NO_REF_TRACER = "before 3.13 the interpreter tells nobody that it reuses an object of a free list"

EXCUSES: tuple[Excuse, ...] = (
    Excuse(
        "TestTracemallocEnabled.test_new_reference",
        _NO_REF_TRACER,
        frozenset({(3, 11), (3, 12)}),
    ),
)

# Tests of stdlib's own switches: the interpreter's core refuses the value before any Python code
# runs. Ours answers a bad value by running on untraced, which has its own tests, so in these the
# children keep PYTHONTRACEMALLOC and -X tracemalloc as the tests gave them.
STDLIB_SWITCHES: Mapping[str, str] = {
    "TestCommandLine.test_env_var_invalid": "the core refuses PYTHONTRACEMALLOC's value",
    "TestCommandLine.test_sys_xoptions_invalid": "the core refuses -X tracemalloc's value",
}

PASSED = "passed"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """How one test ended: `passed`, `skipped`, `failed`, ... and the reason or traceback."""

    result: str
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """What one run of the suite gave: outcomes by test id, and the children that it started.

    `started` has the id of the test for each child process, forks included, in order.
    """

    outcomes: Mapping[str, Outcome]
    started: Sequence[str]


@dataclass(frozen=True)
class Child:
    """One line that a child wrote about itself: the test it belongs to and the tracer it ran."""

    test: str
    tracer: str


def short_name(test_id: str) -> str:
    """Give the name of a test as the tables above write it."""
    return test_id.removeprefix(PREFIX)


def judge(
    baseline: Report,
    ours: Report,
    children: Iterable[Child],
    version: tuple[int, int],
    excuses: Iterable[Excuse] = EXCUSES,
) -> list[str]:
    """Say what is wrong with a run of the suite on ours, as one line per problem."""
    excused = {excuse.test for excuse in excuses if excuse.holds_on(version)}
    return [
        *_judge_baseline(baseline),
        *_judge_extent(baseline, ours),
        *_judge_outcomes(ours, excused),
        *_judge_children(baseline, ours, children),
    ]


def _judge_baseline(baseline: Report) -> list[str]:
    problems = [
        f"{short_name(test)} {outcome.result} with stdlib's own tracer: there is nothing to compare"
        for test, outcome in baseline.outcomes.items()
        if outcome.result not in (PASSED, SKIPPED)
    ]
    if not baseline.outcomes:
        problems.append("the suite has no tests")
    return problems


def _judge_extent(baseline: Report, ours: Report) -> list[str]:
    problems = []
    for test in sorted(baseline.outcomes.keys() - ours.outcomes.keys()):
        problems.append(f"{short_name(test)} did not run with ours")
    for test in sorted(ours.outcomes.keys() - baseline.outcomes.keys()):
        problems.append(f"{short_name(test)} ran with ours only")
    for test, outcome in ours.outcomes.items():
        before = baseline.outcomes.get(test)
        if outcome.result == SKIPPED and before is not None and before.result != SKIPPED:
            problems.append(f"{short_name(test)} is skipped with ours only: {outcome.detail}")
    return problems


def _judge_outcomes(ours: Report, excused: set[str]) -> list[str]:
    problems = []
    for test, outcome in ours.outcomes.items():
        name = short_name(test)
        if outcome.result in (PASSED, SKIPPED):
            if name in excused and outcome.result == PASSED:
                problems.append(f"{name} passes: its excuse is stale, take it out of the table")
        elif name not in excused:
            problems.append(f"{name} {outcome.result} with ours")
    return problems


def _judge_children(baseline: Report, ours: Report, children: Iterable[Child]) -> list[str]:
    problems = []
    started = Counter(ours.started)
    ran_ours = Counter(child.test for child in children if child.tracer == OURS)
    for test, count in Counter(baseline.started).items():
        if started[test] != count:
            problems.append(
                f"{short_name(test)} started {started[test]} children with ours, "
                f"{count} with stdlib's tracer"
            )
    for test in sorted(started.keys() | ran_ours.keys()):
        if short_name(test) in STDLIB_SWITCHES:
            continue
        if ran_ours[test] != started[test]:
            problems.append(
                f"{short_name(test)}: {started[test] - ran_ours[test]} of {started[test]} children "
                f"did not run ours"
            )
    return problems
