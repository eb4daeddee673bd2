"""The reader of files that was written from the format's description, and knows nothing of ours."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

FORMAT = Path(__file__).resolve().parents[1] / "format"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("read_ctm", FORMAT / "read_ctm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look themselves up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


reader = _load()
