"""The number of frames, asked for after each way to set it."""

import ctracemalloc as tracemalloc

print(tracemalloc.get_traceback_limit())
tracemalloc.start(1)
print(tracemalloc.get_traceback_limit())
tracemalloc.start(25)
print(tracemalloc.get_traceback_limit())
tracemalloc.stop()
tracemalloc.start(25)
print(tracemalloc.get_traceback_limit())
tracemalloc.stop()
print(tracemalloc.get_traceback_limit())
