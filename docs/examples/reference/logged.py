"""Memory usage written to a log, if tracing is on."""

import logging
import sys

import ctracemalloc as tracemalloc

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
logger = logging.getLogger(__name__)


def log_memory_usage():
    if tracemalloc.is_tracing():
        current, peak = tracemalloc.get_traced_memory()
        logger.info(
            f"Memory - Current: {current / 1024 / 1024:.2f}MB, Peak: {peak / 1024 / 1024:.2f}MB"
        )


log_memory_usage()
tracemalloc.start()
kept = [bytearray(1000) for _ in range(10000)]
log_memory_usage()
del kept[5000:]
log_memory_usage()
tracemalloc.stop()
log_memory_usage()
