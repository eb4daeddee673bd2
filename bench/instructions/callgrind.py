"""Reads what callgrind wrote: the instructions in one shared object, and the calls into it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Counted:
    """What one profile tells of one shared object."""

    instructions: int = 0
    calls: int = 0
    """From other objects: each is a call of a hook."""
    functions: Counter[str] = field(default_factory=Counter)
    """Instructions by function, its callees left out."""


def read(path: Path, library: str) -> Counted:
    """Reads a profile written without compression of names or positions.

    `library` is the path of the object. (The format: valgrind's manual, "Callgrind Format
    Specification".)
    """
    counted = Counted()
    current = callee = function = ""
    is_call = False
    with path.open() as lines:
        for line in lines:
            key, equals, value = line.rstrip("\n").partition("=")
            if not equals:
                # A position and a count: the callee's, inclusive, after a line of a call.
                fields = line.split()
                if not is_call and current == library and fields and fields[0].isdecimal():
                    counted.instructions += int(fields[1])
                    counted.functions[function] += int(fields[1])
                is_call = False
            elif key == "ob":
                current = value
            elif key == "fn":
                function = value
            elif key == "cob":
                callee = value
            elif key == "calls":
                if callee == library != current:
                    counted.calls += int(value.split()[0])
                callee = ""
                is_call = True
    return counted
