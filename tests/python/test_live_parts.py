"""The parts of what looks at a running program that need no other process."""

from __future__ import annotations

import errno
import itertools
import signal
from pathlib import Path
from typing import Any

import pytest
from api_support import ours
from ctracemalloc.live.on_signal import parse_signal
from ctracemalloc.live.process import Ceiling, parse_size, resident
from ctracemalloc.live.series import Series, SeriesFull
from ctracemalloc.report.text import unexplained_growth


class Blob:
    """A snapshot that is written with a given size."""

    def __init__(self, size: int) -> None:
        self._size = size

    def dump(self, path: str, *, command: bool) -> None:
        Path(path).write_bytes(bytes(self._size))


class Unwritable(Blob):
    """A snapshot that meets an error when it is written."""

    def __init__(self) -> None:
        super().__init__(10)

    def dump(self, path: str, *, command: bool) -> None:
        super().dump(str(Path(path).parent), command=command)


def fill(series: Any, count: int, size: int = 10) -> list[int]:
    for _ in range(count):
        series.add(Blob(size))
    return sorted(int(path.stem) for path in Path(series.folder).iterdir())


def test_thinning_by_number(tmp_path: Path) -> None:
    series = Series([str(tmp_path / "a")], 8, 10**9)
    assert fill(series, 8) == [1, 2, 3, 4, 5, 6, 7, 8]
    # Of the older half, 1 to 4, every second one goes.
    assert fill(series, 1) == [1, 3, 5, 6, 7, 8, 9]
    kept = fill(series, 1000)
    assert len(kept) <= 8
    assert kept[0] == 1
    assert kept[-3:] == [1007, 1008, 1009]
    gaps = [late - early for early, late in itertools.pairwise(kept)]
    assert gaps == sorted(gaps, reverse=True)


def test_thinning_by_bytes(tmp_path: Path) -> None:
    series = Series([str(tmp_path / "a")], 1000, 95)
    assert len(fill(series, 50)) <= 9
    # It takes the place of all others.
    assert fill(series, 1, size=95) == [51]
    with pytest.raises(SeriesFull, match="one snapshot takes more than the 95 bytes"):
        fill(series, 1, size=96)
    assert list((tmp_path / "a").iterdir()) == []


def test_files_that_others_removed(tmp_path: Path) -> None:
    series = Series([str(tmp_path / "a")], 4, 10**9)
    fill(series, 4)
    for path in (tmp_path / "a").iterdir():
        path.unlink()
    assert fill(series, 3)[-1] == 7


def test_sizes() -> None:
    given = ("1", "300000b", "1k", "2M", "1.5GiB", " 3 tb ")
    sizes = [1, 300_000, 1024, 2 * 2**20, 3 * 2**29, 3 * 2**40]
    assert [parse_size(text) for text in given] == sizes
    for text in ("", "0", "-1", "x", "1e999", "nan", "1 q", "b", "k"):
        with pytest.raises(ValueError, match="is no size"):
            parse_size(text)


def test_resident_memory_grows() -> None:
    before = resident()
    block = b"x" * 50_000_000
    assert resident() - before > 40_000_000
    del block


def group(root: Path, path: str, files: dict[str, str], membership: str) -> str:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    (root / "proc" / "self").mkdir(parents=True, exist_ok=True)
    (root / "proc" / "self" / "cgroup").write_text(membership)
    return str(root)


def test_share_of_the_lowest_limit_above(tmp_path: Path) -> None:
    files = {
        "memory.max": "1000\n",
        "memory.current": "800\n",
        "memory.stat": "anon 1\ninactive_file 300\n",
    }
    membership = "0::/above/own\n"
    group(tmp_path, "sys/fs/cgroup/above/own", {"memory.max": "max\n"}, membership)
    root = group(tmp_path, "sys/fs/cgroup/above", files, membership)
    ceiling = Ceiling("90%", root)
    assert (ceiling.level, ceiling.used()) == (900, 500)


def test_share_in_control_groups_of_version_1(tmp_path: Path) -> None:
    """In a container the group's path is one that the container does not see."""
    files = {
        "memory.limit_in_bytes": "1000\n",
        "memory.usage_in_bytes": "800\n",
        "memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
    }
    membership = "5:cpu:/x\n4:hugetlb,memory:/docker/abc\n"
    root = group(tmp_path, "sys/fs/cgroup/memory", files, membership)
    ceiling = Ceiling("50%", root)
    assert (ceiling.level, ceiling.used()) == (500, 600)


def test_share_without_a_limit(tmp_path: Path) -> None:
    files = {"memory.limit_in_bytes": "9223372036854771712\n"}
    root = group(tmp_path, "sys/fs/cgroup/memory", files, "4:memory:/\n")
    ceiling = Ceiling("50%", root)
    pages = next(line for line in Path("/proc/meminfo").read_text().splitlines())
    assert abs(ceiling.level / (int(pages.split()[1]) * 1024) - 0.5) < 0.01
    assert 0.5 < ceiling.used() / resident() < 2


@pytest.mark.parametrize("text", ["1G", "90%"])
def test_looks_do_not_make_the_peak(tmp_path: Path, text: str) -> None:
    """They are made in the program, 20 times a second."""
    names = [f"statistic_{number}" for number in range(200)]
    names[25] = "inactive_file"
    files = {
        "memory.max": "1000\n",
        "memory.current": "800\n",
        "memory.stat": "".join(f"{name} {number * 10**9}\n" for number, name in enumerate(names)),
    }
    ceiling = Ceiling(text, group(tmp_path, "sys/fs/cgroup/own", files, "0::/own\n"))
    ours.start(1)
    try:
        ceiling.used()
        ours.reset_peak()
        ours.reset_churn()
        before = ours.get_traced_memory()[0]
        ceiling.used()
        peak = ours.get_traced_memory()[1]
        churn = ours.take_snapshot(at="churn").statistics("filename")
    finally:
        ours.stop()
    assert peak - before < 2048
    allocated = {Path(one.traceback[0].filename).name: one.size for one in churn}
    assert 0 < allocated["process.py"] < 8192


def test_signals() -> None:
    assert parse_signal("USR2") == parse_signal(" sigusr2") == signal.SIGUSR2
    assert parse_signal("RTMIN+3") == signal.SIGRTMIN + 3
    for text in ("", "KILL", "SEGV", "12", "RTMIN+99", "RTMIN+x", "TERM", "USR3"):
        with pytest.raises(ValueError, match="is no signal for a snapshot"):
            parse_signal(text)


def test_growth_explained() -> None:
    explained = "resident memory grew by 10.0 MiB: 6144 KiB traced, 1024 KiB the tracer's, "
    rest = " not explained (C libraries, gaps between blocks)"
    for mapped, parts in (
        (-5 << 20, "3072 KiB"),  # files that were in memory before, and were dropped
        (0, "3072 KiB"),
        (1 << 20, "1024 KiB of mapped files and shared memory, 2048 KiB"),
        # As where the program reports it.
        (4 << 20, "3072 KiB of mapped files and shared memory, 0 B"),
    ):
        text = unexplained_growth(10 << 20, mapped, 6 << 20, 1 << 20)
        assert text == f"{explained}{parts}{rest}"
    text = unexplained_growth(1 << 20, 1 << 20, 100 << 20, 0)
    assert text.endswith("99.0 MiB less (not touched yet, swapped out, or in memory before)")
    assert unexplained_growth(0, 0, 0, 0).startswith("resident memory grew by 0 B: ")
    assert unexplained_growth(-448 << 10, 0, 300 << 10, 100 << 10) == (
        "resident memory shrank by 448 KiB, with 300 KiB traced and 100 KiB the tracer's: "
        "848 KiB less (given back, not touched yet, swapped out, or in memory before)"
    )


def test_an_error_of_the_system_is_no_full_series(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError, match=r"a/b'") as caught:
        fill(Series([str(tmp_path / "a" / "b")], 4, 100), 1)
    assert caught.value.errno == errno.ENOTDIR


def test_after_an_error_of_the_system_the_next_one_is_tried(tmp_path: Path) -> None:
    """In the same folder, under the number that nothing has; the bounds hold all the while."""
    series: Any = Series([str(tmp_path / "a"), str(tmp_path / "b")], 4, 10**9)
    with pytest.raises(IsADirectoryError):
        series.add(Unwritable())
    assert fill(series, 4) == [1, 2, 3, 4]
    with pytest.raises(IsADirectoryError):
        series.add(Unwritable())
    # Of the older half of five, it is the one that is to go.
    (tmp_path / "a" / "000002.ctm").unlink()
    (tmp_path / "a" / "000002.ctm").mkdir()
    for _ in range(2):
        with pytest.raises(IsADirectoryError):
            fill(series, 1)
    assert len(list((tmp_path / "a").iterdir())) == 5
    (tmp_path / "a" / "000002.ctm").rmdir()
    assert fill(series, 1) == [1, 4, 5, 6]
    assert not (tmp_path / "b").exists()
