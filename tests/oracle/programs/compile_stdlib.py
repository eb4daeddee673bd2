"""The standard library's modules compiled, marshalled, some of them disassembled, and kept."""

from __future__ import annotations

import dis
import marshal
import os
from pathlib import Path

STDLIB = Path(os.__file__).parent
MODULES = 60


def main() -> object:
    kept: list[object] = []
    for path in sorted(STDLIB.glob("*.py"))[:MODULES]:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        kept.append(code)
        kept.append(marshal.loads(marshal.dumps(code)))
    # The oldest one is short enough for its instructions to be kept.
    kept.append(
        list(dis.get_instructions(compile("[x * 2 for x in range(9)]\n" * 40, "s", "exec")))
    )
    return kept
