"""start() under an interpreter whose frames are not those that the extension was compiled for.

No such interpreter is at hand: a copy of the extension is told what another one would say.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import ctracemalloc
import pytest
from ctracemalloc import _engine

from .conftest import Run, build

PACKAGE = Path(ctracemalloc.__file__).parent
REFUSED = "ctracemalloc cannot walk this interpreter's frames: {} differs from the public frame API"


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("another") / "another.so"
    return build("another.c", path, "-g", "-Wextra", "-Wno-error")


def environment(folder: Path, another: Path, native_folder: Path, name: str) -> dict[str, str]:
    """Make the copy, in which one name leads to `another`."""
    package = folder / "ctracemalloc"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    extension = package / Path(_engine.__file__).name
    old = f"\0{name}\0".encode()
    content = extension.read_bytes()
    assert old in content
    extension.write_bytes(content.replace(old, old.replace(b"Py", b"Qy")))
    places = [str(folder), str(native_folder), os.environ.get("PYTHONPATH", "")]
    return {
        "PYTHONPATH": os.pathsep.join(places),
        # A sanitizer's runtime wants to be first.
        "LD_PRELOAD": f"{os.environ.get('LD_PRELOAD', '')} {another}",
    }


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Py_Version", "ctracemalloc was compiled for CPython {}.{}, this is 3.99; install "),
        ("PyFrame_GetCode", REFUSED.format("the code object") + " at level 0; "),
        ("PyCode_Addr2Line", REFUSED.format("the first line") + " at level 0; "),
        ("PyFrame_GetLasti", REFUSED.format("the instruction") + " at level 0; "),
        ("PyFrame_GetBack", REFUSED.format("the length of the stack") + " at level 1; "),
    ],
)
def test_another_interpreter_is_refused(
    run: Run, tmp_path: Path, another: Path, native_folder: Path, name: str, error: str
) -> None:
    """Each time that it is asked; and nothing of the stack is kept."""
    run(
        """
        import sys
        def start():
            try:
                t.start()
            except RuntimeError as error:
                assert str(error).startswith(sys.argv[1]), error
            else:
                raise AssertionError("no error")
        def references():
            return [sys.getrefcount(item) for item in (frame, frame.f_code, start.__code__)]
        frame = sys._getframe()
        before = references()
        for _ in range(100):
            start()
        assert references() == before, (before, references())
        assert not t.is_tracing()
        """,
        error.format(*sys.version_info),
        env=environment(tmp_path, another, native_folder, name),
    )


def test_the_comparison_keeps_nothing(run: Run) -> None:
    run("""
        import sys
        def start():
            t.start()
        def references():
            return [sys.getrefcount(item) for item in (frame, frame.f_code, start.__code__)]
        frame = sys._getframe()
        before = references()
        start()
        assert references() == before, (before, references())
    """)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="before 3.13 no offsets are published")
def test_other_offsets_are_refused(
    run: Run, tmp_path: Path, another: Path, native_folder: Path
) -> None:
    """Of all that are published, those of what the walk reads."""
    out = run(
        """
        import ctypes, os, re, sys
        layout = r": (\\S+) is at offset (\\d+) of the running interpreter, (\\d+) was expected; "
        library = ctypes.CDLL(sys.argv[1])
        count = ctypes.c_uint.in_dll(library, "offset_words").value
        offsets = (ctypes.c_uint64 * count).in_dll(library, "_QyRuntime")
        for i in range(count):
            offsets[i] += 8
            if os.fork() == 0:
                try:
                    t.start()
                except RuntimeError as error:
                    said = re.search(layout, str(error))
                    assert int(said[2]) == int(said[3]) + 8 == offsets[i], error
                    os.write(1, said[1].encode() + b"\\n")
                os._exit(0)
            assert os.wait()[1] == 0
            offsets[i] -= 8
        t.start()
        """,
        str(another),
        env=environment(tmp_path, another, native_folder, "_PyRuntime"),
    )
    assert sorted(out.split()) == [
        "code_object.co_code_adaptive",
        "code_object.filename",
        "code_object.firstlineno",
        "code_object.linetable",
        "code_object.qualname",
        "interpreter_frame.executable",
        "interpreter_frame.instr_ptr",
        "interpreter_frame.owner",
        "interpreter_frame.previous",
        "thread_state.current_frame",
        "thread_state.datastack_chunk",
        "thread_state.interp",
    ]
