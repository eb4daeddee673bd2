"""Run all of CPython's `test.test_tracemalloc` in this process and write a report as JSON.

    suite.py stdlib REPORT
    suite.py ours REPORT LOG

With `ours`, ctracemalloc stands in place of tracemalloc before the tests are imported, and the
children that they start are made to run ours: see `children`. Each appends a line to LOG.
"""

from __future__ import annotations

import io
import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

import child_start
import children
from verdict import OURS, PASSED, SKIPPED, STDLIB, STDLIB_SWITCHES, short_name

MODULE = "test.test_tracemalloc"


class Collector(unittest.TestResult):
    """Keeps one outcome per test; a failed subtest fails its test."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, tuple[str, str]] = {}
        self.current = "import"

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.current = test.id()
        os.environ[child_start.TEST_VARIABLE] = self.current

    def _keep(self, test: Any, result: str, detail: str = "") -> None:
        # The first bad outcome stays: a later tearDown must not hide it.
        if self.outcomes.get(test.id(), (PASSED,))[0] == PASSED:
            self.outcomes[test.id()] = (result, detail)

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._keep(test, PASSED)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._keep(test, "failed", self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._keep(test, "errored", self.errors[-1][1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._keep(test, SKIPPED, reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._keep(test, "expectedly failed", self.expectedFailures[-1][1])

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._keep(test, "unexpectedly passed")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            bad = self.failures if issubclass(err[0], test.failureException) else self.errors
            self._keep(test, "failed", bad[-1][1])


def put_ours_in_place(log: str) -> None:
    """Replace stdlib's tracer here and in children to come, and make sure that it is replaced."""
    import ctracemalloc

    ctracemalloc.install()
    if child_start.tracer_in_place() != OURS:
        raise SystemExit("ctracemalloc.install() did not put ours in place of tracemalloc")
    os.environ[child_start.LOG_VARIABLE] = log
    os.register_at_fork(
        after_in_child=lambda: child_start.write_line(log, os.environ[child_start.TEST_VARIABLE])
    )


def run(log: str | None) -> dict[str, Any]:
    """Run the suite, with children told apart by the test that started them."""
    collector = Collector()
    # unittest.main, as by `python -m unittest`: some tests count on the depth of its stack.
    result_class: Any = lambda *_, **__: collector  # noqa: E731
    runner = unittest.TextTestRunner(io.StringIO(), resultclass=result_class, warnings="default")
    started: list[str] = []

    def on_start() -> bool:
        started.append(collector.current)
        return log is not None and short_name(collector.current) not in STDLIB_SWITCHES

    os.environ[child_start.TEST_VARIABLE] = collector.current
    if log is not None:
        put_ours_in_place(log)
    children.watch(on_start)

    from test.support import os_helper  # type: ignore[import-not-found]

    with os_helper.temp_cwd():
        unittest.main(module=None, argv=["suite.py", MODULE], testRunner=runner, exit=False)
    return {"outcomes": collector.outcomes, "started": started}


def main() -> None:
    """Run as told by the command line."""
    tracer, report, *logs = sys.argv[1:]
    if (tracer, len(logs)) not in ((STDLIB, 0), (OURS, 1)):
        raise SystemExit(__doc__)
    result = run(logs[0] if logs else None)
    Path(report).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
