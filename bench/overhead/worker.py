"""Runs one program under one configuration: the process that is measured.

    worker.py FD CONFIG CLOCK WARMUP LOOPS VALUES SECONDS PATH UNLOAD BENCH SCRIPT ARGS...

Tracing starts before anything of the program is imported, so all that the program keeps is traced.
Nothing is imported here that the interpreter has not loaded already.
"""
# pathlib would be in the process that is measured:
# ruff: noqa: PTH118, PTH120, PTH123

import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "common"))

from configs import Config
from inside import Tracing, answer, peak_rss
from standin import Session


def run_script(script: str) -> None:
    """Runs a file as __main__."""
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    main = type(sys)("__main__")
    vars(main).update(__file__=script, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    exec(code, vars(main))


def main() -> None:
    """Does what the command line says."""
    descriptor, name, clock, warmup, loops, values, seconds, path, unload, bench, *argv = sys.argv[
        1:
    ]
    session = Session(bench, clock, int(warmup), int(loops), int(values), float(seconds))
    tracing = Tracing(Config(name))
    sys.modules["pyperf"] = session.module()
    sys.modules.pop(unload, None)
    sys.argv = argv
    sys.path[0:2] = [os.path.dirname(argv[0]), *filter(None, [path])]
    run_script(argv[0])
    if len(session.ran) != 1:
        raise RuntimeError(f"of one benchmark expected, these ran: {session.ran!r}")
    figures = {
        "loops": session.loops,
        "values": session.values,
        "peak_rss": peak_rss(),
        **tracing.figures(),
    }
    sys.stdout.flush()
    answer(descriptor, figures)


if __name__ == "__main__":
    main()
