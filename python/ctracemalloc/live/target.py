"""Where the snapshots of a process go."""

# The import of pathlib is left to the program.
# ruff: noqa: PTH109, PTH118

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def expand_path(template: str, pid: int) -> str:
    """Replace `%p` by the process id and `%%` by `%`."""
    parts = []
    rest = template
    while "%" in rest:
        before, _, rest = rest.partition("%")
        letter, rest = rest[:1], rest[1:]
        if letter not in ("p", "%"):
            raise ValueError(
                f"{template!r}: unknown '%{letter}' in a snapshot's path "
                "(there are %p, the process id, and %% for a %)"
            )
        parts += [before, str(pid) if letter == "p" else "%"]
    parts.append(rest)
    return "".join(parts)


class Target:
    """The path of the snapshot at exit, and the paths beside it for those before.

    The template has %p and %%, and is relative to where the program was started, wherever it goes.
    A forked child has files of its own if the template has %p.
    """

    def __init__(self, template: str) -> None:
        self.folder = current_folder()
        self._template = template
        self._pid = os.getpid()
        self.is_per_process = expand_path(template, 1) != expand_path(template, 2)

    def is_ours(self) -> bool:
        """Tell whether the path belongs to this process, and not to the one it was forked from."""
        return self.is_per_process or os.getpid() == self._pid

    def path(self) -> str:
        """Return the path of the snapshot at exit."""
        return os.path.join(self.folder or "", expand_path(self._template, os.getpid()))

    def beside(self, label: str, extension: str = ".ctm") -> str:
        """Return a path that differs from that of the snapshot at exit by a label."""
        stem = self.path().removesuffix(".ctm")
        if not self.is_ours():
            stem += f".{os.getpid()}"
        return f"{stem}.{label}{extension}"

    def series_folders(self) -> Iterator[str]:
        """Yield the names of folders for a series, of which the first is as a rule free."""
        yield self.beside("series", "")
        number = 2
        while True:
            yield self.beside(f"{number}.series", "")
            number += 1


def current_folder() -> str | None:
    """Return the current folder; None if it was removed, or may not be read."""
    try:
        return os.getcwd()
    except OSError:
        return None
