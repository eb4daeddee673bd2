"""A decorator that tells how much a function has allocated."""

import functools

import ctracemalloc as tracemalloc


def trace_memory(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        tracemalloc.start()

        result = func(*args, **kwargs)

        current, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        print(f"{func.__name__}:")
        print(f"  Current memory: {current / 1024:.2f} KB")
        print(f"  Peak memory:    {peak / 1024:.2f} KB")

        return result

    return wrapper


@trace_memory
def process_data():
    return [i**2 for i in range(100000)]


data = process_data()
