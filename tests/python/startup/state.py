"""Prints as JSON what a program sees of how it was started."""

import tracemalloc  # isort: skip  (the first line that allocates)

FIRST = [bytes(1000) for _ in range(100)]

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402


def state() -> dict[str, object]:
    traced = tracemalloc.get_object_traceback(FIRST[0])
    return {
        "module": tracemalloc.__name__,
        "is_tracing": tracemalloc.is_tracing(),
        "limit": tracemalloc.get_traceback_limit(),
        "first": traced and traced[-1].lineno,
        "argv": sys.argv,
        "orig_argv": sys.orig_argv[1:],
        "name": __name__,
        "file": globals().get("__file__"),
        "spec": __spec__ and __spec__.name,
        "path": sys.path,
        "flags": repr(sys.flags),
        "xoptions": sys._xoptions,
        "warnoptions": sys.warnoptions,
        "main": sorted(vars(sys.modules["__main__"])),
        "sitecustomize": getattr(sys.modules.get("sitecustomize"), "__file__", None),
        "environment": {k: v for k, v in os.environ.items() if "TRACEMALLOC" in k or "PYTHON" in k},
    }


if __name__ == "__main__":
    print(json.dumps(state()))
