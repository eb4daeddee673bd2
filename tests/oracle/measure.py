"""Run one program under both tracers in this process, and write how they differ as JSON.

measure.py PROGRAM NFRAME follow|ignore|compile RESULT

Reuse is followed, or ignored by both (before 3.13), or followed by an interpreter that compiles.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
import warnings
from pathlib import Path

import analyses
import both
import compare
import following

# One limit is enough: more frames, more to agree on.
ANALYSED_NFRAME = 25

PROGRAMS = Path(__file__).with_name("programs")


def measure(name: str, nframe: int, follow: bool) -> compare.Comparison:
    """Trace a program's `main` by both tracers and compare while its result is alive."""
    program = importlib.import_module(name)
    # Forking with threads around is what is meant here: nothing is done in the children but read.
    warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
    if not follow:
        following.find()
    both.start(nframe, follow_reuse=follow)
    try:
        kept = program.main()
    except BaseException:
        if not follow:
            # The interpreter's end stops stdlib's tracer.
            following.switch_on()
        raise
    if follow:
        stdlib, ours, stdlib_again = both.read()
    else:
        stdlib, ours, stdlib_again = both.read(prepare=following.switch_on)
        following.switch_on()
    both.stop()
    del kept
    stdlib_alone = follow and following.CAN_BE_SWITCHED_OFF
    comparison = compare.compare(stdlib, ours, stdlib_again, stdlib_alone=stdlib_alone)
    if nframe == ANALYSED_NFRAME and follow:
        comparison.analyses = analyses.differences(ours, nframe)
    return comparison


def main() -> None:
    """Run as told by the command line."""
    name, nframe, reuse, result = sys.argv[1:]
    if reuse not in ("follow", "ignore", "compile"):
        raise SystemExit(__doc__)
    if reuse == "compile" and not sys._jit.is_enabled():  # type: ignore[attr-defined]
        raise SystemExit("the interpreter does not compile")
    sys.path.insert(0, str(PROGRAMS))
    comparison = measure(name, int(nframe), reuse != "ignore")
    Path(result).write_text(json.dumps(dataclasses.asdict(comparison)), encoding="utf-8")


if __name__ == "__main__":
    main()
