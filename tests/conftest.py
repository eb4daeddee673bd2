"""With CI=true, where all that tests need is to be installed, a skip is a failure.

Only what installing cannot change is allowed: `ALLOWED` has the reasons that skips may give.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator

import pytest

_IS_CI = os.environ.get("CI") == "true"
_IS_IN_CHROOT = "CTRACEMALLOC_IN_CHROOT" in os.environ
_VERSION = sys.version_info[:2]

_REASONS = [
    # Of the interpreter: its version, and how it was built
    (_VERSION < (3, 12), "the interpreter has no sys.monitoring"),
    (_VERSION < (3, 13), "no isolated interpreters with a name"),
    (_VERSION < (3, 13), "the interpreter has no PyRefTracer"),
    (_VERSION < (3, 13), "reuse is followed from 3.13 on"),
    (_VERSION < (3, 13), "before 3.13 no offsets are published"),
    (_VERSION < (3, 14), "sys.remote_exec came with 3.14"),
    (_VERSION >= (3, 12), "no state is attached for all threads"),
    (_VERSION >= (3, 13), "from 3.13 on there is no such switch"),
    (_VERSION >= (3, 14), "it can be done here"),
    (_VERSION == (3, 13), "this interpreter's own functions crash after its end"),
    (True, "the interpreter has no shared library"),
    (_VERSION != (3, 11), "the pages show "),
    # Of packages: what requirements-dev.txt leaves out, and what only the check `domains` installs
    (_VERSION >= (3, 14), "could not import '(jsonschema|duckdb|pyarrow|playwright)\\b"),
    (True, "could not import 'numpy'"),
    # Of programs: .ci/packages installs them on the host
    (_IS_IN_CHROOT, "(there is )?no (chromium|fish|zsh|pprof|jemalloc)\\b"),
    # Of the machine
    (os.geteuid() != 0, "needs root|only root can mount"),
    (True, "this machine lets us make no control group"),
    (True, "this machine does not let us mount"),
    (True, "a process cannot have mounts of its own here"),
    (True, "the file system knows no setuid"),
    # Of how the tests are run
    ("LD_PRELOAD" in os.environ, "a sanitizer |could not import 'memray'"),
    (True, "the tests are traced themselves"),
]

ALLOWED = re.compile("|".join(f"(?:{reason})" for is_so, reason in _REASONS if is_so))


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not _IS_CI or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    assert isinstance(report.longrepr, tuple)
    path, line, said = report.longrepr
    if not ALLOWED.match(said.removeprefix("Skipped: ")):
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: {said} (tests/conftest.py says what may be skipped)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report
