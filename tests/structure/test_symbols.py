"""What the built archives and the built extension define and need."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from tree import FLOORS_WITHOUT_PYTHON

WITHOUT_STATE = ("engine", "snapshot", "format")
"""Floors whose state is all behind a handle. The lowest has the one thread-local flag."""

_WRITABLE = re.compile(r"^\.(?:data|bss|tdata|tbss)(?:\.|$)|^\*COM\*$")
_CONSTANT_BUT_RELOCATED = re.compile(r"^\.data\.rel\.ro(?:\.|$)")


def _output(*command: str | Path) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def undefined(file: Path) -> set[str]:
    """Give the symbols that a file needs from elsewhere."""
    return set(re.findall(r"^ +[Uw] (\S+)$", _output("nm", "-u", file), re.MULTILINE))


def variables(file: Path) -> list[str]:
    """List the variables that a file defines in memory that can be written."""
    found = []
    for line in _output("objdump", "--syms", file).splitlines():
        # value, seven flags, section, size, name; a section's own symbol has the flag d.
        match = re.match(r"^[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+ (?:\.hidden )?(.+)$", line)
        if not match or "d" in match[1]:
            continue
        if _WRITABLE.match(match[2]) and not _CONSTANT_BUT_RELOCATED.match(match[2]):
            found.append(match[3])
    return found


def compiled(text: str, folder: Path) -> Path:
    """Compile a C text as the archives are; give the object file."""
    (folder / "some.c").write_text(text, encoding="utf-8")
    _output("gcc", "-O2", "-fPIC", "-c", folder / "some.c", "-o", folder / "some.o")
    return folder / "some.o"


@pytest.mark.parametrize("floor", FLOORS_WITHOUT_PYTHON)
def test_nothing_below_the_extension_needs_python(floor: str, archives: dict[str, Path]) -> None:
    needed = undefined(archives[floor])
    assert needed, "nm lists nothing"
    assert [name for name in needed if name.startswith(("Py", "_Py"))] == []


@pytest.mark.parametrize("floor", FLOORS_WITHOUT_PYTHON)
def test_a_floor_needs_no_symbol_of_one_above(floor: str, archives: dict[str, Path]) -> None:
    above = FLOORS_WITHOUT_PYTHON[FLOORS_WITHOUT_PYTHON.index(floor) + 1 :]
    defined_above = {
        name
        for other in above
        for name in re.findall(
            r"^[0-9a-f]+ [A-Z] (\S+)$",
            _output("nm", "--defined-only", "--extern-only", archives[other]),
            re.MULTILINE,
        )
    }
    assert not undefined(archives[floor]) & defined_above


@pytest.mark.parametrize("floor", WITHOUT_STATE)
def test_no_variable_outlives_a_call(floor: str, archives: dict[str, Path]) -> None:
    assert variables(archives[floor]) == []


def test_variables_are_told_from_constants(tmp_path: Path) -> None:
    text = """
        int counter;
        static _Thread_local int flag;
        int *flag_of(void) { static int calls = 1; calls++; counter++; return calls ? &flag : 0; }
        const int answer = 42;
        const char *const names[] = { "a", "b" };
        const char *name_of(int i) { return names[i]; }
    """
    names = {name.split(".")[0] for name in variables(compiled(text, tmp_path))}
    assert names == {"counter", "flag", "calls"}


def test_needed_symbols_are_found(tmp_path: Path) -> None:
    text = "int PyErr_X(void); int f(void) { return PyErr_X(); }"
    assert undefined(compiled(text, tmp_path)) == {"PyErr_X"}


def test_the_extension_exports_its_init_function_alone() -> None:
    spec = importlib.util.find_spec("ctracemalloc._engine")
    assert spec is not None
    assert spec.origin is not None
    lines = _output("nm", "--dynamic", "--defined-only", spec.origin).splitlines()
    assert [line.split()[-1] for line in lines] == ["PyInit__engine"]
