"""Ours has every name that stdlib's tracemalloc has, with equal signatures."""

from __future__ import annotations

import inspect
import tracemalloc
from types import ModuleType

import ctracemalloc
import pytest

CLASSES = sorted(name for name, value in vars(tracemalloc).items() if inspect.isclass(value))
# Base classes and helpers that stdlib's module has imported for itself.
IMPORTED = {"Iterable", "Sequence", "total_ordering"}


def own_names(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not inspect.ismodule(value) and name not in IMPORTED and not name.startswith("__")
    }


def test_names_of_the_module() -> None:
    assert own_names(tracemalloc) - vars(ctracemalloc).keys() == set()


@pytest.mark.parametrize("name", sorted(own_names(tracemalloc)))
def test_kinds(name: str) -> None:
    expected, given = getattr(tracemalloc, name), getattr(ctracemalloc, name)
    assert callable(given) == callable(expected)
    assert inspect.isclass(given) == inspect.isclass(expected)


@pytest.mark.parametrize("name", sorted(set(CLASSES) - IMPORTED))
def test_names_of_classes(name: str) -> None:
    expected, given = getattr(tracemalloc, name), getattr(ctracemalloc, name)
    # What abstract base classes and slots leave behind is no part of any contract.
    left_behind = {"__slots__", "_abc_impl", "__abstractmethods__", "__annotations__"}
    left_behind |= {"__static_attributes__", "__firstlineno__", "__weakref__", "__dict__"}
    left_behind |= {"__annotate__", "__annotate_func__", "__annotations_cache__"}
    left_behind |= {"__slotnames__"}  # noted by copyreg once an instance was pickled
    assert set(dir(expected)) - left_behind - set(dir(given)) == set()
    assert given.__name__ == expected.__name__


@pytest.mark.parametrize(
    "name",
    [
        "Snapshot.dump",
        "Snapshot.load",
        "Snapshot.filter_traces",
        "Snapshot.statistics",
        "Snapshot.compare_to",
        "Traceback.format",
    ],
)
def test_keywords(name: str) -> None:
    class_name, method = name.split(".")
    expected = inspect.signature(getattr(getattr(tracemalloc, class_name), method))
    given = inspect.signature(getattr(getattr(ctracemalloc, class_name), method))
    for parameter in expected.parameters.values():
        own = given.parameters[parameter.name]
        assert (own.kind, own.default) == (parameter.kind, parameter.default)
    # Anything that ours takes besides is optional.
    for added in given.parameters.keys() - expected.parameters.keys():
        assert given.parameters[added].default is not inspect.Parameter.empty
