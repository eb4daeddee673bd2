# mypy: ignore-errors
# Run by test_frames.py, with the names of conftest.PRELUDE.
import sys
import threading
import time

if sys.version_info >= (3, 13):
    import _interpreters as interpreters

    def create():
        return interpreters.create("legacy")

    def execute(interpreter, code):
        return interpreters.exec(interpreter, code)
else:
    import _xxsubinterpreters as interpreters

    def create():
        return interpreters.create(isolated=False)

    def execute(interpreter, code):
        return interpreters.run_string(interpreter, code)


CODE = """
import ctm_native
def in_sub():
    return ctm_native.raw_detached(7919, 100, 50)
addresses = in_sub()
assert len(addresses) == 50
"""


def spin():
    while not done.is_set():
        [object() for _ in range(10)]
        # On 3.12 a thread of another interpreter asks in vain for the GIL: give it.
        time.sleep(0)


def deep(n):
    return deep(n - 1) if n else spin()


done = threading.Event()
t.start(25)  # noqa: F821
other = threading.Thread(target=deep, args=(100,))
other.start()
errors = []


def body():
    interpreter = create()
    try:
        result = execute(interpreter, CODE)
        if result is not None:
            errors.append(result)
    except BaseException as error:
        errors.append(error)


thread = threading.Thread(target=body)
thread.start()
thread.join()
done.set()
other.join()
assert not errors, errors
found = traces(7919)  # noqa: F821
assert len(found) == 50, len(found)
lines = {trace[2][0] for trace in found}
stacks = {trace[2] for trace in found}
assert len(stacks) == 1, stacks
print(stacks)
[stack] = stacks
assert [frame[1] for frame in stack[:2]] == [4, 5], stack
