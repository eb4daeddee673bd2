"""The README's tables of costs have the figures of the benchmarks; one is from elsewhere."""

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
<!-- analysis: written by bench/analysis/run.py -->

1,000,000 blocks, 10,000 sites, 1 frame:

|  | ctracemalloc | stdlib tracemalloc | ratio |
| --- | ---: | ---: | ---: |
| take_snapshot, ms | 5.00 | 300.00 | 60x |

1,000,000 blocks, 100,000 stacks of 25 frames:

|  | ctracemalloc | stdlib tracemalloc | ratio |
| --- | ---: | ---: | ---: |
| take_snapshot, ms | 17.07 (16.94 to 18.53) | 691.10 | 40x (37 to 41) |
| longest pause, ms | 10.00 | 910.00 | 91x |
| statistics('lineno'), ms | 1.82 | 444.44 | 244x (1.5 to 2) |
| filter_traces, ms | 1.90 | 5,398.31 | 2,838x |
| compare_to('traceback'), ms | 29.43 | 2,110.86 | 72x |
| load, ms | 15.28 | 657.41 | 43x |
| file, kB | 866 | 30,473 | 35x |

<!-- analysis: end -->
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


def test_figures_come_from_all_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert table(monkeypatch, tmp_path, OVERHEAD.format("stdlib")) == [
        "Programs: 48, 49; rounds: 3.",
        "",
        "|  | time | resident memory | bytes for a small block |",
        "| --- | ---: | ---: | ---: |",
        "| ctracemalloc, 1 frame | 1.41x | 1.10x | 4.0 |",
        "| stdlib | 4.23x | 1.32x | 96.5 |",
        "",
        "Of 1,000,000 blocks, 100,000 stacks of 25 frames, processor time:",
        "",
        "|  | ctracemalloc | stdlib tracemalloc | ratio |",
        "| --- | ---: | ---: | ---: |",
        "| take_snapshot, ms | 17.07 | 691.10 | 40x |",
        "| statistics('lineno'), ms | 1.82 | 444.44 | 244x |",
        "| filter_traces, ms | 1.90 | 5,398.31 | 2,838x |",
        "| compare_to('traceback'), ms | 29.43 | 2,110.86 | 72x |",
        "| load, ms | 15.28 | 657.41 | 43x |",
        "| file, kB | 866 | 30,473 | 35x |",
    ]


def test_a_page_without_figures_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="overhead"):
        table(monkeypatch, tmp_path, OVERHEAD.replace("overhead", "other"))
