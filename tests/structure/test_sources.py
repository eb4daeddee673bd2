"""What may stand in which source file."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tree import FLOORS, FLOORS_WITHOUT_PYTHON, REPO, find, sources, without_comments

_PYTHON_API = re.compile(r"\b_?Py(?:[A-Z]\w*)?(?:_\w+)?\b|\bPython\.h\b")
_VERSION_CONDITION = re.compile(
    r"\b(?:PY_VERSION_HEX|PY_(?:MAJOR|MINOR|MICRO)_VERSION|Py_Version|PYTHON_API_VERSION)\b"
)
_BUILD_CORE = re.compile(r"\bPy_BUILD_CORE(?:_\w+)?\b")
_MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:root|work)/[\w.]")
VERSION_CONDITIONS_STAND_IN = {
    "src/cpython/compat.h",
    "src/cpython/frames.c",
    "src/cpython/frames_check.c",
    "src/cpython/interpreter_frame.h",
}
BUILD_CORE_STANDS_IN = {
    "src/cpython/code_locations.c",
    "src/cpython/frames.c",
    "src/cpython/frames_check.c",
    "src/cpython/hooks.c",
}
MACHINE_PATH_ALLOWED_IN = {"tools/pythons.sh"}
"""It names root's home inside the chroot that it makes itself."""

NOT_OURS = {"build", "dist", "demo-out", "__pycache__"}

_TAG = re.compile(r"\b(?:struct|union|enum) (\w+)\s*\{")


def files_with(
    pattern: re.Pattern[str], floors: tuple[str, ...]
) -> dict[str, list[tuple[int, str]]]:
    """Give the C files of these floors that match outside of comments, and where."""
    return {
        str(path.relative_to(REPO)): found
        for floor in floors
        for path in sources(floor, ".c", ".h")
        if (found := find(pattern, without_comments(path.read_text(encoding="utf-8"))))
    }


def project_files() -> Iterator[Path]:
    """Walk the project's own files, not those that builds and tools leave in the tree."""
    for folder, names, files in os.walk(REPO):
        names[:] = [
            name
            for name in names
            if name not in NOT_OURS
            and not name.startswith("build-")
            and not name.endswith(".egg-info")
            and (name == ".ci" or not name.startswith("."))
        ]
        # In a worktree `.git` is a file that names the repository's folder.
        yield from (Path(folder, name) for name in files if name != ".git")


def test_nothing_below_the_extension_mentions_python() -> None:
    assert files_with(_PYTHON_API, FLOORS_WITHOUT_PYTHON) == {}


def test_a_mention_of_python_is_found() -> None:
    text = "/* PyObject */ int x; // Py_None\nPyObject *o = _PyRuntime_x(Py_None);\n"
    assert find(_PYTHON_API, without_comments(text)) == [
        (2, "PyObject"),
        (2, "_PyRuntime_x"),
        (2, "Py_None"),
    ]
    assert find(_PYTHON_API, "happy = Pyramid_free; COPY_Py") == []


def test_version_conditions_stand_in_few_files() -> None:
    found = files_with(_VERSION_CONDITION, FLOORS)
    assert set(found) <= VERSION_CONDITIONS_STAND_IN, found
    assert "src/cpython/frames.c" in found, "the pattern finds none where there must be some"


def test_version_conditions_are_seen_by_the_compiler() -> None:
    """Without the header that says the version, a condition would quietly be false."""
    assert "'-Wundef'" in (REPO / "meson.build").read_text(encoding="utf-8")
    for name in VERSION_CONDITIONS_STAND_IN:
        before, condition, _ = (REPO / name).read_text(encoding="utf-8").partition("PY_VERSION_HEX")
        assert condition
        assert re.search(r"#include (<Python\.h>|\"cpython/\w+\.h\")", before), name


def test_only_captures_are_built_as_part_of_the_core() -> None:
    assert set(files_with(_BUILD_CORE, FLOORS)) == BUILD_CORE_STANDS_IN
    for path in REPO.glob("**/meson.build"):
        assert not _BUILD_CORE.search(path.read_text(encoding="utf-8")), path


def tags(text: str) -> list[str]:
    """List the tags of the structs, unions and enums that a C text defines."""
    return _TAG.findall(without_comments(text))


def test_a_tag_has_one_definition() -> None:
    """What has no prefix is of one file alone, and may be called as something of another is."""
    defined = Counter[str]()
    for floor in FLOORS:
        for path in sources(floor, ".c", ".h"):
            found = tags(path.read_text(encoding="utf-8"))
            if path.suffix == ".h":
                assert [tag for tag in found if not tag.startswith("ctm_")] == [], path
            defined.update(tag for tag in found if tag.startswith("ctm_"))
    assert defined["ctm_snapshot"] == 1
    assert [tag for tag, count in defined.items() if count != 1] == []


def test_tags_are_found() -> None:
    text = "struct a {\n int x; };\n/* enum b { */ enum c\n{ X };\nstruct d e = {1};\nunion f {}"
    assert tags(text) == ["a", "c", "f"]


def test_no_file_names_a_path_of_some_machine() -> None:
    paths = list(project_files())
    assert REPO / "meson.build" in paths
    assert REPO / ".ci" / "run" in paths
    assert {
        name: found
        for path in paths
        if (name := str(path.relative_to(REPO))) not in MACHINE_PATH_ALLOWED_IN
        and (found := find(_MACHINE_PATH, path.read_bytes().decode("utf-8", "replace")))
    } == {}


@pytest.mark.parametrize(("text", "count"), [("a /{}/b", 1), ('"/{}/x"', 1), ("src/{}/b", 0)])
def test_a_path_of_some_machine_is_found(text: str, count: int) -> None:
    assert len(find(_MACHINE_PATH, text.format("root"))) == count
