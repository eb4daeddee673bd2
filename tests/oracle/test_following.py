"""Stdlib's following of reuse is really off after it was switched off, and then on again."""

from __future__ import annotations

import _tracemalloc
import gc

import following
import pytest

pytestmark = pytest.mark.skipif(
    not following.CAN_BE_SWITCHED_OFF, reason="from 3.13 on there is no such switch"
)


def allocate() -> list[int]:
    return [1]


def take_over() -> list[int]:
    return [2]


def line_of_reused_list() -> int:
    """The line that stdlib gives for a list whose block `allocate` has made and released."""
    gc.collect()
    allocate()
    taken = take_over()
    ((_, line),) = _tracemalloc._get_object_traceback(taken) or ((None, 0),)
    return line


def line_of(function: object) -> int:
    return function.__code__.co_firstlineno + 1  # type: ignore[attr-defined, no-any-return]


def test_following_is_switched_off_and_on() -> None:
    following.find()
    _tracemalloc.start()
    try:
        assert line_of_reused_list() == line_of(take_over)
        following.switch_off()
        gc.collect()
        allocate()
        taken = take_over()
        following.switch_on()
        assert _tracemalloc.is_tracing()
        assert _tracemalloc._get_object_traceback(taken) == ((__file__, line_of(allocate)),)
        del taken
        assert line_of_reused_list() == line_of(take_over)
    finally:
        _tracemalloc.stop()


def test_tracer_must_be_on() -> None:
    following.find()
    with pytest.raises(RuntimeError, match="not on"):
        following.switch_off()
