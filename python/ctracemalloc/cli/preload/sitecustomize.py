"""Starts what `ctracemalloc run` hands over, where the start-up hook's file is absent.

`run` puts this folder first in PYTHONPATH, so that the interpreter imports this module when it
looks for `sitecustomize`. It removes itself from everything that the program could see, and gives
way to the environment's own `sitecustomize`.
"""

# The import of pathlib is left to the program.
# ruff: noqa: PTH100, PTH120

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.dirname(_FOLDER)))


def _leave() -> None:
    sys.path[:] = [entry for entry in sys.path if entry != _FOLDER]
    sys.path_importer_cache.pop(_FOLDER, None)
    own, _, others = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if own == _FOLDER:
        if others:
            os.environ["PYTHONPATH"] = others
        else:
            del os.environ["PYTHONPATH"]


def _begin() -> None:
    # The package may have been found in the current folder, which this process does not search.
    is_lent = _PACKAGE_PARENT not in sys.path
    if is_lent:
        sys.path.append(_PACKAGE_PARENT)
    try:
        import ctracemalloc_startup

        ctracemalloc_startup.begin()
    finally:
        if is_lent:
            sys.path.remove(_PACKAGE_PARENT)


_leave()
_begin()
del sys.modules["sitecustomize"]
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
