"""The reference of the module names all that it exports, and says what its docstrings say."""

from __future__ import annotations

import re

import ctracemalloc
import pytest
from api_reference import GROUPS, IMPORTED, PAGE, reference


def test_the_page_is_that_of_the_docstrings() -> None:
    remedy = "run: python tools/site/api_reference.py"
    assert PAGE.read_text(encoding="utf-8") == reference(), remedy


def test_every_name_is_described_once() -> None:
    described = re.findall(r"^### (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted([*described, *IMPORTED]) == sorted(ctracemalloc.__all__)


def test_a_name_that_is_not_described_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctracemalloc, "__all__", [*ctracemalloc.__all__, "brand_new"])
    with pytest.raises(ValueError, match="brand_new"):
        reference()


def test_a_name_without_a_docstring_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GROUPS, "Tracing", ("take_snapshot", *GROUPS["Tracing"][:-1]))
    monkeypatch.setattr(ctracemalloc.take_snapshot, "__doc__", None)
    with pytest.raises(ValueError, match="take_snapshot has no docstring"):
        reference()
