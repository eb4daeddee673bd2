"""A test case that fails if memory has grown too much."""

import io
import sys
import unittest

import ctracemalloc as tracemalloc

kept = []


class MemoryTestCase(unittest.TestCase):
    def setUp(self):
        tracemalloc.start()
        self.before = tracemalloc.take_snapshot()

    def tearDown(self):
        after = tracemalloc.take_snapshot()
        diff = after.compare_to(self.before, "lineno")
        tracemalloc.stop()
        total_growth = sum(stat.size_diff for stat in diff if stat.size_diff > 0)
        if total_growth > 10 * 1024 * 1024:
            self.fail(f"Memory grew by {total_growth / 1024 / 1024:.2f} MB")

    def test_small(self):
        kept.append(bytes(1024))

    def test_large(self):
        kept.append(bytes(20 * 1024 * 1024))


result = unittest.main(argv=sys.argv, exit=False, testRunner=unittest.TextTestRunner(io.StringIO()))
for test, trace in result.result.failures:
    print(test.id(), trace.splitlines()[-1])
print(result.result.testsRun, result.result.errors)
