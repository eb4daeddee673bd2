"""Exercise 2: a decorated function that builds a dictionary of 100,000 lists."""

import functools

import ctracemalloc as tracemalloc


def memory_profile(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        tracemalloc.start()
        result = func(*args, **kwargs)
        current, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"[{func.__name__}] Current: {current / 1024:.1f} KB, Peak: {peak / 1024:.1f} KB")
        return result

    return wrapper


@memory_profile
def build_dict():
    return {f"key_{i}": list(range(10)) for i in range(100_000)}


result = build_dict()
