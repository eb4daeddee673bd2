"""A part of CPython's own tests, run under unittest, with all cases and the result kept."""

from __future__ import annotations

import importlib
import io
import unittest

MODULES = tuple(
    importlib.import_module(f"test.{name}")
    for name in (
        *("test_abc", "test_bisect", "test_contextlib", "test_copy", "test_operator"),
        *("test_ordered_dict", "test_shlex", "test_textwrap", "test_weakset"),
    )
)


class KeepingSuite(unittest.TestSuite):
    """A suite that does not drop its cases after they ran."""

    _cleanup = False


def main() -> object:
    stream = io.StringIO()
    loader = unittest.TestLoader()
    loader.suiteClass = KeepingSuite
    suite = KeepingSuite(map(loader.loadTestsFromModule, MODULES))
    result = unittest.TextTestRunner(stream, verbosity=2).run(suite)
    if result.testsRun < 500:
        raise RuntimeError(f"only {result.testsRun} tests ran")
    return suite, result, stream
