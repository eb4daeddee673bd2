"""A snapshot as a file for https://www.speedscope.app: one profile of bytes, one of blocks.

Stacks of another domain than Python's begin with a frame of its name.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from ctracemalloc import Frame, Snapshot
from ctracemalloc.export.stacks import Stacks, Track, frame_name, root_name, unicode
from ctracemalloc.report.exactness import warning_about
from ctracemalloc.report.places import NO_TRACEBACK

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def write(snapshot: Snapshot, file: BinaryIO, track: Track) -> None:
    """Write the profiles."""
    stacks = Stacks(snapshot)
    nowhere = len(stacks.frames)
    others = [domain for domain in stacks.domains if root_name(domain)]
    root = {domain: [number] for number, domain in enumerate(others, nowhere + 1)}
    samples: list[list[int]] = []
    sizes: list[int] = []
    counts: list[int] = []
    for stack in stacks.walk(track):
        # The oldest frame first.
        samples.append(root.get(stack.domain, []) + (stack.frames[::-1] or [nowhere]))
        sizes.append(stack.size)
        counts.append(stack.blocks)
    # What is shown of all this is a profile's name.
    warning = warning_about(snapshot)
    behind = f", {warning}" if warning else ""
    content = {
        "$schema": _SCHEMA,
        "exporter": "ctracemalloc",
        "name": f"memory, {snapshot.kind}",
        "activeProfileIndex": 0,
        "shared": {
            "frames": [
                *map(_frame, stacks.frames),
                {"name": NO_TRACEBACK},
                *({"name": root_name(domain)} for domain in others),
            ]
        },
        "profiles": [
            _profile(f"bytes{behind}", "bytes", samples, sizes),
            _profile(f"blocks{behind}", "none", samples, counts),
        ],
    }
    file.write(json.dumps(content, separators=(",", ":")).encode("ascii"))


def _frame(frame: Frame) -> dict[str, Any]:
    described: dict[str, Any] = {"name": frame_name(frame), "file": unicode(frame.filename)}
    if frame.lineno:
        described["line"] = frame.lineno
    return described


def _profile(name: str, unit: str, samples: list[list[int]], weights: list[int]) -> dict[str, Any]:
    return {
        "type": "sampled",
        "name": name,
        "unit": unit,
        "startValue": 0,
        "endValue": sum(weights),
        "samples": samples,
        "weights": weights,
    }
