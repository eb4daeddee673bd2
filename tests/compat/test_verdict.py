"""The harness must not be able to pass by accident: each kind of problem is one that it names."""

from __future__ import annotations

import subprocess
import sys

import children
import pytest
from verdict import (
    EXCUSES,
    OURS,
    PASSED,
    PREFIX,
    SKIPPED,
    STDLIB,
    STDLIB_SWITCHES,
    Child,
    Excuse,
    Outcome,
    Report,
    judge,
)

VERSION = (3, 13)
TEST = PREFIX + "TestSomething.test_it"
OTHER = PREFIX + "TestSomething.test_other"
SWITCH = PREFIX + next(iter(STDLIB_SWITCHES))
EXCUSE = Excuse("TestSomething.test_other", "because", frozenset({VERSION}))


def report(started: tuple[str, ...] = (TEST,), **results: str) -> Report:
    outcomes = {TEST: Outcome(PASSED), OTHER: Outcome(PASSED)}
    for name, result in results.items():
        outcomes[PREFIX + "TestSomething." + name] = Outcome(result, "why")
    return Report(outcomes, started)


def verdict(
    ours: Report,
    log: tuple[Child, ...] = (Child(TEST, OURS),),
    baseline: Report | None = None,
    excuses: tuple[Excuse, ...] = (),
    version: tuple[int, int] = VERSION,
) -> list[str]:
    return judge(baseline or report(), ours, log, version, excuses)


def test_equal_runs_are_right() -> None:
    assert verdict(report()) == []


def test_failure_is_a_problem() -> None:
    assert verdict(report(test_it="failed")) == ["TestSomething.test_it failed with ours"]


def test_excused_failure_is_none() -> None:
    assert verdict(report(test_other="failed"), excuses=(EXCUSE,)) == []


def test_excuse_of_another_version_does_not_count() -> None:
    problems = verdict(report(test_other="failed"), excuses=(EXCUSE,), version=(3, 14))
    assert problems == ["TestSomething.test_other failed with ours"]


def test_stale_excuse_is_a_problem() -> None:
    (problem,) = verdict(report(), excuses=(EXCUSE,))
    assert "its excuse is stale" in problem


def test_excused_test_that_the_suite_lacks_is_none() -> None:
    assert verdict(report(), excuses=(Excuse("TestCAPI.test_of_a_later_version", "because"),)) == []


def test_new_skip_is_a_problem() -> None:
    (problem,) = verdict(report(test_it=SKIPPED))
    assert problem == "TestSomething.test_it is skipped with ours only: why"


def test_skip_of_an_excused_test_is_a_problem() -> None:
    (problem,) = verdict(report(test_other=SKIPPED), excuses=(EXCUSE,))
    assert "skipped with ours only" in problem


def test_skip_that_stdlib_shares_is_none() -> None:
    assert verdict(report(test_it=SKIPPED), baseline=report(test_it=SKIPPED)) == []


def test_lost_and_extra_tests_are_problems() -> None:
    more = report(test_more=PASSED)
    assert verdict(report(), baseline=more) == ["TestSomething.test_more did not run with ours"]
    assert verdict(more) == ["TestSomething.test_more ran with ours only"]


def test_broken_baseline_is_a_problem() -> None:
    (problem,) = verdict(report(), baseline=report(test_it="failed"))
    assert "nothing to compare" in problem
    empty = Report({}, ())
    assert verdict(empty, log=(), baseline=empty) == ["the suite has no tests"]


@pytest.mark.parametrize("log", [(), (Child(TEST, STDLIB),), (Child(OTHER, OURS),)])
def test_child_without_ours_is_a_problem(log: tuple[Child, ...]) -> None:
    problems = verdict(report(), log=log)
    assert "TestSomething.test_it: 1 of 1 children did not run ours" in problems


def test_fewer_children_than_with_stdlib_is_a_problem() -> None:
    (problem,) = verdict(report(), baseline=report(started=(TEST, TEST)))
    assert problem == "TestSomething.test_it started 1 children with ours, 2 with stdlib's tracer"


def test_children_of_stdlib_switches_need_not_run_ours() -> None:
    both = report(started=(TEST, SWITCH))
    assert verdict(both, baseline=both) == []


def test_excuses_are_named_once_and_explained() -> None:
    names = [excuse.test for excuse in EXCUSES]
    assert len(names) == len(set(names))
    assert all(excuse.reason for excuse in EXCUSES)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["py", "-X", "tracemalloc"], ["py", "-X", "ctracemalloc"]),
        (["py", "-I", "-X", "tracemalloc=15"], ["py", "-I", "-X", "ctracemalloc=15"]),
        (["py", "-Xtracemalloc=2"], ["py", "-Xctracemalloc=2"]),
        (["py", "-X", "faulthandler"], ["py", "-X", "faulthandler"]),
        (["py", "-c", "-X", "-X", "tracemalloc"], ["py", "-c", "-X", "-X", "tracemalloc"]),
    ],
)
def test_switches_are_translated(given: list[str], expected: list[str]) -> None:
    assert children.translate_arguments(given) == expected


def test_variable_is_translated() -> None:
    given = {"PYTHONTRACEMALLOC": "7", "HOME": "/"}
    assert children.translate_environment(given) == {"CTRACEMALLOC": "7", "HOME": "/"}
    assert given == {"PYTHONTRACEMALLOC": "7", "HOME": "/"}


def test_started_processes_are_watched_and_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", subprocess.Popen)
    monkeypatch.setattr("os.register_at_fork", lambda **_: None)
    answers = iter([True, False])
    children.watch(lambda: next(answers))

    code = "import sys; print(sorted(sys._xoptions))"
    command = [sys.executable, "-X", "tracemalloc", "-c", code]
    assert subprocess.check_output(command) == b"['ctracemalloc']\n"
    assert subprocess.check_output(command) == b"['tracemalloc']\n"
