"""Say whether memory is traced, and how many frames of each traceback are kept."""

import tracemalloc

print(tracemalloc.__name__, tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())
