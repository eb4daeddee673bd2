"""The frames that a page names, each once: trees and tables have their numbers."""

from __future__ import annotations

from typing import Any

from ctracemalloc import Frame
from ctracemalloc._engine import module_name
from ctracemalloc._text import printable
from ctracemalloc.report.places import NO_TRACEBACK


class _Texts:
    """Texts and their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def all(self) -> list[str]:
        return list(self._numbers)


class Labels:
    """Frames (file, line, function) and their numbers, with the modules that they are in."""

    def __init__(self) -> None:
        self._files = _Texts()
        self._functions = _Texts()
        self._numbers: dict[tuple[int, int, int], int] = {}

    def number(self, frame: Frame | None) -> int:
        """Return the number of a frame; None stands for having no frame."""
        if frame is None:
            frame = Frame((NO_TRACEBACK, 0))
        key = (
            self._files.number(frame.filename),
            frame.lineno,
            self._functions.number(frame.name),
        )
        return self._numbers.setdefault(key, len(self._numbers))

    def file(self, frame: Frame) -> int:
        """Return the number of a frame's file."""
        return self._files.number(frame.filename)

    def columns(self) -> dict[str, Any]:
        """Return all of them, as a page takes them.

        What is not printable is escaped: a control could turn around what stands after it.
        """
        modules = _Texts()
        files = self._files.all()
        return {
            "files": [*map(printable, files)],
            "moduleOf": [modules.number(printable(module_name(name))) for name in files],
            "modules": modules.all(),
            "functions": [*map(printable, self._functions.all())],
            "frames": {
                "file": [file for file, _, _ in self._numbers],
                "line": [line for _, line, _ in self._numbers],
                "function": [function for _, _, function in self._numbers],
            },
        }
