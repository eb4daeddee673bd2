"""The extension for IPython and Jupyter: `%load_ext ctracemalloc`.

It brings the cell magic `%%memory`, and has lists of statistics shown as tables. The lists
themselves stay plain lists, as the standard library's are: it is the notebook that is told how to
show them.
"""

from __future__ import annotations

import bdb
import gc
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ctracemalloc_startup import MAX_NFRAME

import ctracemalloc
from ctracemalloc import Filter, Statistic, StatisticDiff
from ctracemalloc._text import count_of, human_size
from ctracemalloc.report import cells

_NFRAME = 1
_HTML = "text/html"
# What is allocated here to measure is no part of what is measured.
_OWN = Filter(False, ctracemalloc.__file__)

Show = Callable[[list[object]], str | None]

# The highest peak that is known of each run under way, the outermost first: `%%memory` may be in
# what a cell calls, and there is only one peak to reset.
_peaks: list[int] = []

# What showed lists as HTML before the extension was loaded.
_shown_before: Show | None = None


class CellMemory:
    """What a cell left behind, and its peak, above what was there before it."""

    def __init__(self, diffs: Sequence[StatisticDiff], peak: int, label: cells.Label) -> None:
        self.diffs = diffs
        self.peak = peak
        self.kept = sum(diff.size_diff for diff in diffs)
        self._label = label

    def __repr__(self) -> str:
        count = sum(diff.count_diff for diff in self.diffs)
        return (
            f"this cell keeps {human_size(self.kept)} in {count_of(count, 'block')}; "
            f"its peak was {human_size(self.peak)} above what was there before"
        )

    def _repr_html_(self) -> str:
        changed = [diff for diff in self.diffs if diff.size_diff or diff.count_diff]
        table = cells.diffs_html(changed, self._label) if changed else ""
        return f"<div><p>{self!r}</p>{table}</div>"


class CellFailedError(bdb.BdbQuit):
    """A cell failed, and IPython has already said how.

    Of all errors it is this base that IPython takes for a failure, so that a run of the whole
    notebook ends, without showing it: the error would be there twice, with our frames, and
    `%debug` and `%tb` would be about the second one.
    """


def load_ipython_extension(shell: Any) -> None:
    """Add the magic, and the way to show lists of statistics, to a shell of IPython."""
    global _shown_before

    def memory(line: str, cell: str) -> None:
        """Run the cell, and show what it keeps and its peak: `%%memory [-n FRAMES]`.

        What it keeps is listed by line; its peak is that of traced memory above what was there
        before. FRAMES is how many frames of each stack are kept, 1 if it is not given: of no
        effect where tracing is on already.
        """
        _measure(shell, line, cell)

    shell.register_magic_function(memory, magic_kind="cell")
    formatter = shell.display_formatter.formatters[_HTML]
    before = formatter.for_type(list, _list_html)
    if before is not _list_html:
        _shown_before = before


def unload_ipython_extension(shell: Any) -> None:
    """Take away what `load_ipython_extension` added."""
    global _shown_before
    shell.magics_manager.magics["cell"].pop("memory", None)
    formatter = shell.display_formatter.formatters[_HTML]
    if formatter.type_printers.get(list) is _list_html:
        formatter.pop(list)
        if _shown_before is not None:
            formatter.for_type(list, _shown_before)
    _shown_before = None


def _list_html(values: list[object]) -> str | None:
    """Show a list that has statistics alone; leave others to whatever showed them before."""
    statistics = [value for value in values if isinstance(value, Statistic)]
    if values and len(statistics) == len(values):
        return cells.statistics_html(statistics)
    diffs = [value for value in values if isinstance(value, StatisticDiff)]
    if values and len(diffs) == len(values):
        return cells.diffs_html(diffs)
    return None if _shown_before is None else _shown_before(values)


def _measure(shell: Any, line: str, cell: str) -> None:
    nframe = _parse_line(line)
    was_tracing = ctracemalloc.is_tracing()
    if not was_tracing:
        ctracemalloc.start(nframe)
    try:
        result, memory = _run(shell, cell)
    finally:
        if not was_tracing:
            ctracemalloc.stop()
    if memory is None:
        print("nothing to show: the cell stopped the tracing, or cleared its traces")
    else:
        from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

        display(memory)  # type: ignore[no-untyped-call,unused-ignore]
    for error in (result.error_before_exec, result.error_in_exec):
        if error is not None:
            _fail(error)


def _fail(error: BaseException) -> NoReturn:
    if isinstance(error, CellFailedError):
        raise error
    raise CellFailedError(f"{type(error).__name__}: {error}") from error


def _parse_line(line: str) -> int:
    words = line.split()
    if not words:
        return _NFRAME
    if len(words) == 2 and words[0] == "-n" and words[1].isdecimal():
        nframe = int(words[1])
        if 1 <= nframe <= MAX_NFRAME:
            return nframe
    from IPython.core.error import UsageError  # type: ignore[import-not-found,unused-ignore]

    raise UsageError(f"usage: %%memory [-n FRAMES], 1 to {MAX_NFRAME} frames")


def _run(shell: Any, cell: str) -> tuple[Any, CellMemory | None]:
    gc.collect()
    _reset_peak()
    current = ctracemalloc.get_traced_memory()[0]
    before = ctracemalloc.take_snapshot().filter_traces([_OWN])
    # Is traced for as long as what is compared below belongs together.
    mark = bytearray(1)
    _peaks.append(0)
    try:
        result = shell.run_cell(cell)
    finally:
        peak = max(_peaks.pop(), ctracemalloc.get_traced_memory()[1])
    if ctracemalloc.get_object_traceback(mark) is None:
        return result, None
    gc.collect()
    after = ctracemalloc.take_snapshot().filter_traces([_OWN])
    diffs = after.compare_to(before, "lineno")
    return result, CellMemory(diffs, max(peak - current, 0), _labels(shell))


def _reset_peak() -> None:
    """Begin a new peak, and keep the one so far for the runs that this one is in."""
    peak = ctracemalloc.get_traced_memory()[1]
    _peaks[:] = [max(known, peak) for known in _peaks]
    ctracemalloc.reset_peak()


def _labels(shell: Any) -> cells.Label:
    """Name the code of a cell as IPython does in tracebacks, where it can say."""
    name_of = getattr(shell.compile, "format_code_name", None)

    def label(filename: str) -> str:
        named = name_of(filename) if name_of is not None else None
        return filename if named is None else " ".join(map(str, named))

    return label
