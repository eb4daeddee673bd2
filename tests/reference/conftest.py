"""Each sentence of the reference is tested on both tracers: stdlib's shows the test is right."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest

TRACERS = ("tracemalloc", "ctracemalloc")


@pytest.fixture(params=TRACERS)
def tracer(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """A tracer that is off, and is switched off after the test."""
    module = importlib.import_module(request.param)
    assert not module.is_tracing()
    yield module
    module.stop()
