"""The README's table of costs has the figures of the benchmarks, and one that is from elsewhere."""

from __future__ import annotations

from pathlib import Path

import costs
import pytest

OVERHEAD = """<!-- overhead: written by bench/overhead/run.py -->

|  | programs | rounds | time | by round | peak RSS | by round |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| ctracemalloc, 1 frame | 49 | 3 | 1.41x |  | 1.10x | 1 |
| {} | 48 | 3 | 4.23x |  | 1.32x | 2 |

<!-- overhead: end -->
<!-- memory: written by bench/memory/run.py -->

| blocks | configuration | resident |
| --- | --- | ---: |
| 1,000,000 objects of 16 bytes | ctracemalloc, 1 frame | 4.0 |
|  | stdlib | 96.5 |
| 100,000 of 2 kB | ctracemalloc, 1 frame | 24.5 |

<!-- memory: end -->
"""


def table(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> list[str]:
    page = folder / "benchmarks.md"
    page.write_text(text)
    monkeypatch.setattr(costs, "BENCHMARKS", page)
    return costs.costs().splitlines()


def test_the_readme_has_the_figures_of_the_benchmarks() -> None:
    remedy = "run: python tools/site/costs.py"
    _, shown, _ = costs.parts_of(costs.README.read_text(encoding="utf-8"))
    assert shown.strip() == costs.costs(), remedy


def test_figures_come_from_both_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert table(monkeypatch, tmp_path, OVERHEAD.format("stdlib")) == [
        "Programs: 48, 49; rounds: 3.",
        "",
        "|  | time | resident memory | bytes for a small block |",
        "| --- | ---: | ---: | ---: |",
        "| ctracemalloc, 1 frame | 1.41x | 1.10x | 4.0 |",
        "| stdlib | 4.23x | 1.32x | 96.5 |",
    ]


def test_a_page_without_figures_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="overhead"):
        table(monkeypatch, tmp_path, OVERHEAD.replace("overhead", "other"))
