"""JSON: documents of records are written, read back by both decoders, and kept."""

from __future__ import annotations

import json
import json.decoder
import json.scanner
from typing import Any

RECORDS = 1500


def record(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"item {number}",
        "price": number / 7,
        "tags": [f"tag-{number % 13}", f"tag-{number % 5}"],
        "nested": {"position": [number * 0.5, number * 0.25], "flags": {"even": number % 2 == 0}},
        "text": "\N{GREEK SMALL LETTER ALPHA}" * (number % 30),
    }


class PythonDecoder(json.JSONDecoder):
    """Decodes without the C accelerator."""

    def __init__(self) -> None:
        super().__init__(object_hook=lambda found: found | {"seen": True})
        self.parse_string = json.decoder.py_scanstring  # type: ignore[attr-defined]
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def main() -> object:
    records = [record(number) for number in range(RECORDS)]
    compact = json.dumps(records)
    pretty = json.dumps(records[: RECORDS // 5], indent=2, sort_keys=True)
    return records, compact, pretty, json.loads(compact), PythonDecoder().decode(pretty)
