"""Filters of traces: as those of the standard library are."""

from __future__ import annotations

import os
from _collections_abc import Callable

import ctracemalloc
from ctracemalloc import _load
from ctracemalloc._engine import module_name
from ctracemalloc._model import FramesTuple, NamedFramesTuple, TraceTuple

_OPTIONAL = {"function_pattern", "module_pattern"}

_Matches = Callable[[str], bool]
# (inclusive, matches, lineno, all_frames, domain, matches_function): see SnapshotTable.filter.
Spec = tuple[bool, _Matches | None, int | None, bool, int | None, _Matches | None]


def _normalize_filename(filename: str | os.PathLike[str]) -> str:
    name = os.path.normcase(filename)
    return name[:-1] if name.endswith(".pyc") else name


# What the standard library has in one file is a folder here.
_OWN_FILE = _normalize_filename(ctracemalloc.__file__)
_OWN_FOLDER = os.path.join(os.path.dirname(_OWN_FILE), "")  # noqa: PTH118, PTH120


def _is_like(text: str, pattern: str) -> bool:
    _load("fnmatch")
    import fnmatch

    return fnmatch.fnmatchcase(text, pattern)


class BaseFilter:
    """What filters have in common; a subclass says in `_match` whether a trace is kept.

    `_match` is given a tuple: domain, size, frames (file and line, the newest first) and number of
    frames before they were cut, or None. For a snapshot that knows no single blocks
    (`take_snapshot()`) it is asked once for each traceback, and to use the size is a ValueError.
    """

    __module__ = "ctracemalloc"

    def __init__(self, inclusive: bool) -> None:
        self.inclusive = inclusive

    def _match(self, trace: TraceTuple) -> object:
        raise NotImplementedError


class Filter(BaseFilter):
    """Keeps, or leaves out, traces by file name, line and domain, and by function and module.

    The last two are patterns as `fnmatch.fnmatchcase` reads them: of the function's qualified name
    and of the module's name, which is read off the name of the file. A frame has to match all
    patterns that are given. In traces made by hand, functions have no names.

    The name of this module's own file, `ctracemalloc.__file__`, stands for all files of the package
    (unless a line is given), so that `Filter(False, tracemalloc.__file__)` leaves the tracer out.
    """

    __module__ = "ctracemalloc"

    # On the instance only where they are given: it has no more attributes than need be.
    function_pattern: str | None = None
    module_pattern: str | None = None

    def __init__(
        self,
        inclusive: bool,
        filename_pattern: str,
        lineno: int | None = None,
        all_frames: bool = False,
        domain: int | None = None,
        *,
        function_pattern: str | None = None,
        module_pattern: str | None = None,
    ) -> None:
        super().__init__(inclusive)
        self._filename_pattern = _normalize_filename(filename_pattern)
        self.lineno = lineno
        self.all_frames = all_frames
        self.domain = domain
        if function_pattern is not None:
            self.function_pattern = function_pattern
        if module_pattern is not None:
            self.module_pattern = module_pattern

    @property
    def filename_pattern(self) -> str:
        """Pattern of file names, as `fnmatch` reads it; `.pyc` at its end became `.py`."""
        return self._filename_pattern

    def _match_filename(self, filename: str) -> bool:
        name = _normalize_filename(filename)
        if self._filename_pattern == _OWN_FILE and self.lineno is None:
            return name.startswith(_OWN_FOLDER)
        _load("fnmatch")
        import fnmatch

        return fnmatch.fnmatch(name, self._filename_pattern)

    def _match_module(self, filename: str) -> bool:
        return self.module_pattern is None or _is_like(module_name(filename), self.module_pattern)

    def _match_function(self, name: str) -> bool:
        return self.function_pattern is None or _is_like(name, self.function_pattern)

    def _match_file(self, filename: str) -> bool:
        return self._match_filename(filename) and self._match_module(filename)

    def _match_frame_impl(self, filename: str, lineno: int) -> bool:
        if not self._match_file(filename):
            return False
        return True if self.lineno is None else lineno == self.lineno

    def _match_frame(self, filename: str, lineno: int) -> bool:
        return self._match_frame_impl(filename, lineno) ^ (not self.inclusive)

    def _match_named(self, traceback: NamedFramesTuple) -> bool:
        frames = traceback if self.all_frames else traceback[:1]
        found = any(
            self._match_frame_impl(frame[0], frame[1])
            and self._match_function(frame[2] if len(frame) == 3 else "")
            for frame in frames
        )
        return found == bool(self.inclusive)

    def _match_traceback(self, traceback: FramesTuple) -> bool:
        if self.function_pattern is not None:
            return self._match_named(traceback)
        if not self.all_frames:
            filename, lineno = traceback[0]
            return self._match_frame(filename, lineno)
        if any(self._match_frame_impl(filename, lineno) for filename, lineno in traceback):
            return self.inclusive
        return not self.inclusive

    def _match(self, trace: TraceTuple) -> bool:
        domain, _size, frames, _total_nframe = trace
        is_kept = self._match_traceback(frames)
        if self.domain is None:
            return is_kept
        if self.inclusive:
            return is_kept and domain == self.domain
        return is_kept or domain != self.domain


class DomainFilter(BaseFilter):
    """Keeps, or leaves out, the traces of one domain."""

    __module__ = "ctracemalloc"

    def __init__(self, inclusive: bool, domain: int) -> None:
        super().__init__(inclusive)
        self._domain = domain

    @property
    def domain(self) -> int:
        """Address space of the blocks that are meant."""
        return self._domain

    def _match(self, trace: TraceTuple) -> bool:
        domain, _size, _frames, _total_nframe = trace
        return (domain == self.domain) ^ (not self.inclusive)


def engine_spec(trace_filter: BaseFilter) -> Spec | None:
    """Return a filter as the engine takes it; None if only its `_match` knows what it means.

    That is so for classes of the user, for instances that were given attributes of their own, and
    for lines and domains that equal an integer without being one.
    """
    if type(trace_filter) is Filter and len(vars(trace_filter).keys() - _OPTIONAL) == 5:
        lineno, domain = trace_filter.lineno, trace_filter.domain
        if _is_plain(lineno) and _is_plain(domain):
            inclusive, all_frames = bool(trace_filter.inclusive), bool(trace_filter.all_frames)
            function = (
                None if trace_filter.function_pattern is None else trace_filter._match_function
            )
            return (inclusive, trace_filter._match_file, lineno, all_frames, domain, function)
    elif type(trace_filter) is DomainFilter and len(vars(trace_filter)) == 2:
        domain = trace_filter.domain
        # Unlike in Filter, None is a domain that no trace has.
        if type(domain) is int:
            return (bool(trace_filter.inclusive), None, None, False, domain, None)
    return None


def wants_names(trace_filter: BaseFilter) -> bool:
    """Tell whether a filter's `_match` looks at names of functions."""
    return isinstance(trace_filter, Filter) and trace_filter.function_pattern is not None


def _is_plain(number: int | None) -> bool:
    return number is None or type(number) is int
