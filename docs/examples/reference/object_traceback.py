"""Where one object was allocated."""

import ctracemalloc as tracemalloc


class Object:
    __slots__ = ("payload",)


def f():
    return make()


def make():
    obj = Object()
    return obj


tracemalloc.start(25)
tb = tracemalloc.get_object_traceback(f())
print("Traceback (most recent call first):")
for line in tb.format(most_recent_first=True):
    print(line)
print("Traceback (most recent call last):")
for line in tb.format():
    print(line)
print(tb.format(limit=1))
print(tb.format(limit=-1))
