"""The demo's program on a part of the standard library; tells what is traced of what it keeps.

    CTRACEMALLOC=25 python program.py WAY

WAY says how the modules are read: "plainly", in "threads", "greenlets" or greenlets of "gevent", or
beside "faulthandler".
"""

from __future__ import annotations

import faulthandler
import gc
import json
import sys
import sysconfig
import tempfile
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

DEMO = Path(__file__).resolve().parents[2] / "demo"
sys.path.insert(0, str(DEMO))

import library_index as program  # noqa: E402

LIBRARY = Path(sysconfig.get_path("stdlib"))
PROGRAM = str(DEMO / "library_index.py")
PACKAGES = ("json", "email", "logging")


def read(path: Path) -> program.Module:
    return program.read_module(path, LIBRARY)


def plainly(paths: list[Path]) -> list[program.Module]:
    return [read(path) for path in paths]


def in_threads(paths: list[Path]) -> list[program.Module]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(read, paths))


def in_greenlets(paths: list[Path]) -> list[program.Module]:
    """One for each file; each has begun before the first goes on."""
    import greenlet

    parent = greenlet.getcurrent()

    def body(path: Path) -> program.Module:
        parent.switch()
        return read(path)

    begun = [greenlet.greenlet(body) for _ in paths]
    for one, path in zip(begun, paths, strict=True):
        one.switch(path)
    return [one.switch() for one in begun]


def in_gevent(paths: list[Path]) -> list[program.Module]:
    import gevent

    def body(path: Path) -> program.Module:
        gevent.sleep(0)
        return read(path)

    jobs = [gevent.spawn(body, path) for path in paths]
    return [job.get() for job in jobs]


def beside_faulthandler(paths: list[Path]) -> list[program.Module]:
    """It writes frames between the files: its thread that does so at any moment crashes by itself.

    (dump_traceback_later() every millisecond, CPython 3.13, with and without a tracer.)
    """
    modules = []
    with tempfile.TemporaryFile() as file:
        for path in paths:
            modules.append(read(path))
            faulthandler.dump_traceback(file)
        assert file.seek(0, 2) > 0
    return modules


WAYS: dict[str, Callable[[list[Path]], list[program.Module]]] = {
    "plainly": plainly,
    "threads": in_threads,
    "greenlets": in_greenlets,
    "gevent": in_gevent,
    "faulthandler": beside_faulthandler,
}


def lines_of(made: object) -> list[int]:
    """Give the program's lines in the traceback of an object; none if it has no trace."""
    traceback = tracemalloc.get_object_traceback(made)
    return [frame.lineno for frame in traceback or () if frame.filename == PROGRAM]


def made_by_program() -> int:
    """Count the traces of blocks that the program's code asked for."""
    chosen = tracemalloc.Filter(True, PROGRAM, all_frames=True)
    return len(tracemalloc.take_snapshot().filter_traces([chosen]).traces)


def main() -> None:
    paths = [
        path
        for path in program.source_files(LIBRARY)
        if path.relative_to(LIBRARY).parts[0] in PACKAGES
    ]
    # The interpreter may keep the names in code objects for ever: a second time they are there.
    plainly(paths)
    gc.collect()
    kept = made_by_program()
    modules = WAYS[sys.argv[1]](paths)
    ours: Any = tracemalloc
    found = {
        "tracer": tracemalloc.__name__,
        "modules": [
            [module.name, len(module.definitions), sorted(module.imports)] for module in modules
        ],
        "lines": [[lines_of(module.definitions), lines_of(module.imports)] for module in modules],
        "before": made_by_program() - kept,
    }
    modules.clear()
    gc.collect()
    found |= {"after": made_by_program() - kept}
    found |= {"dropped": ours.get_dropped(), "lost": ours.get_lost()}
    print(json.dumps(found))


main()
