"""`ctracemalloc top`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ctracemalloc
import pytest
from cli_support import NEW_TOTAL, Caller, dump, on_terminal, without_style


def entries(call: Caller, *arguments: str | Path) -> dict[str, Any]:
    done = call("top", *arguments, "--json")
    assert (done.status, done.err) == (0, "")
    content: dict[str, Any] = json.loads(done.out)
    return content


def names(content: dict[str, Any]) -> list[str]:
    return [entry["frames"][0]["filename"] for entry in content["entries"]]


def test_the_plain_table(call: Caller, new: Path) -> None:
    done = call("top", new, "--limit", "2")
    assert done.out.splitlines() == [
        f"{new}: 85.5 KiB in 5 blocks (numpy: 64.0 KiB, python: 21.5 KiB, cykhash: 8 B)",
        "    size  blocks   average  share  line",
        "64.0 KiB       1  64.0 KiB  74.9%  app/[red]new.py:9",
        "20.5 KiB       2  10.2 KiB  24.0%  app/parse.py:20",
        "  1008 B       2     504 B   1.2%  2 others",
    ]
    assert (done.status, done.err) == (0, "")


def test_domains_are_named_where_there_are_others_than_pythons(
    call: Caller, new: Path, tmp_path: Path
) -> None:
    assert entries(call, new, "--domain", "numpy")["domains"] == [
        {"domain": 389047, "name": "numpy", "size": 65536, "count": 1}
    ]
    frames = (("a.py", 1),)
    plain = dump(tmp_path, "plain.ctm", [(0, 100, frames, 1)])
    assert call("top", plain).out.splitlines()[0] == f"{plain}: 100 B in 1 block"
    assert entries(call, plain)["domains"] == [
        {"domain": 0, "name": "python", "size": 100, "count": 1}
    ]
    many = dump(tmp_path, "many.ctm", [(domain, domain, frames, 1) for domain in range(1, 8)])
    assert call("top", many).out.splitlines()[0] == (
        f"{many}: 28 B in 7 blocks (domain 7: 7 B, domain 6: 6 B, domain 5: 5 B, domain 4: 4 B, "
        "3 others)"
    )


def test_names_that_the_program_gave_are_in_the_file(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = (("a.py", 1),)
    path = tmp_path / "film.ctm"
    with monkeypatch.context() as program:
        program.setattr("ctracemalloc._domains._names", {0: "python"})
        ctracemalloc.name_domain(987654, "frames of a film")
        ctracemalloc.name_domain(5, "not in the file")
        dump(tmp_path, path.name, [(987654, 100, frames, 1), (0, 50, frames, 1)])
    said = ctracemalloc.Snapshot.load(path).traces._traces.about()  # type: ignore[union-attr]
    assert said["domains"] == {"987654": "frames of a film"}
    monkeypatch.setattr("ctracemalloc._domains._names", {0: "python"})
    head = f"{path}: 150 B in 2 blocks (frames of a film: 100 B, python: 50 B)"
    assert call("top", path).out.splitlines()[0] == head
    again = ctracemalloc.Snapshot.load(path)
    merged = ctracemalloc.Snapshot.merge(again, again)
    monkeypatch.setattr("ctracemalloc._domains._names", {0: "python"})
    merged.dump(path)
    assert "(frames of a film: 200 B, " in call("top", path).out.splitlines()[0]


def test_domains_are_chosen_by_the_names_in_the_file(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = [(number, size, (("a.py", 1),), 1) for number, size in ((5, 1), (6, 2), (389047, 4))]
    with monkeypatch.context() as program:
        program.setattr("ctracemalloc._domains._names", {389047: "numpy"})
        for number, name in ((5, "film"), (6, "film"), (389047, "arrays")):
            ctracemalloc.name_domain(number, name)
        path = dump(tmp_path, "film.ctm", traces)
    monkeypatch.setattr("ctracemalloc._domains._names", {389047: "numpy", 7: "ours"})

    def size(name: str) -> int:
        return int(entries(call, path, "--domain", name)["size"])

    assert (size("film"), size("arrays"), size("6"), size("domain 5")) == (3, 4, 2, 1)
    assert size("ours") == size("77") == 0
    assert size("numpy") == 4
    assert "no domain is called 'tune'" in call("top", path, "--domain", "tune").err
    for command in ("tree", "diff", "export"):
        files = [path, path] if command == "diff" else [path]
        options = ["--format", "collapsed", "-o", "-"] if command == "export" else []
        assert call(command, *files, *options, "--domain", "arrays").status == 0
        assert call(command, *files, *options, "--domain", "nothing").status == 2
    pytest.importorskip("jinja2")
    page = tmp_path / "page.html"
    assert call("report", path, "-o", page, "--domain", "nothing").status == 2
    assert call("report", path, "-o", page, "--domain", "arrays").status == 0


def test_a_domain_is_chosen_by_the_name_in_either_file(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = (("a.py", 1),)
    paths: list[Path] = []
    for file, names in (("A.ctm", {9: "film"}), ("B.ctm", {9: "song", 389047: "arrays"})):
        with monkeypatch.context() as program:
            program.setattr("ctracemalloc._domains._names", {})
            for number, name in names.items():
                ctracemalloc.name_domain(number, name)
            traces = [(0, 1, frames, 1), (9, len(paths) + 2, frames, 1), (389047, 16, frames, 1)]
            paths.append(dump(tmp_path, file, traces))
    monkeypatch.setattr("ctracemalloc._domains._names", {0: "python", 389047: "numpy"})
    monkeypatch.setattr("ctracemalloc._domains._learned", {})

    def totals(name: str) -> tuple[int, int]:
        content = json.loads(call("diff", *paths, "--json", "--domain", name).out)
        return content["old_size"], content["new_size"]

    assert totals("film") == totals("song") == (2, 3)
    assert totals("numpy") == totals("arrays") == (16, 16)
    assert call("diff", *paths, "--domain", "tune").status == 2
    # One name for both, in what is shown.
    assert "(arrays: 16 B, film: 3 B, python: 1 B)" in call("top", paths[1]).out.splitlines()[0]


def test_json_by_line(call: Caller, new: Path) -> None:
    content = entries(call, new)
    assert (content["size"], content["count"], content["groups"]) == (NEW_TOTAL, 5, 4)
    assert content["entries"][1] == {
        "size": 20992,
        "count": 2,
        "average": 10496.0,
        "share": 20992 / NEW_TOTAL,
        "is_exact": True,
        "frames": [{"filename": "app/parse.py", "lineno": 20, "name": ""}],
    }


def test_cumulative_counts_callers(call: Caller, new: Path) -> None:
    content = entries(call, new, "--cumulative", "--by", "file")
    sizes = {
        name: entry["size"] for name, entry in zip(names(content), content["entries"], strict=True)
    }
    assert sizes["app/main.py"] == NEW_TOTAL - 8
    assert sizes["app/load.py"] == 1000 + 20480 + 512
    assert content["size"] == NEW_TOTAL
    done = call("top", new, "--cumulative", "--limit", "1")
    assert done.out.splitlines()[-1].split() == ["4", "others"]


def test_a_traceback_is_shown_with_callers_and_source(call: Caller, tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("def make():\n    return list(range(1000))\n\nkept = make()\n")
    frames = ((str(source), 2), (str(source), 4))
    path = dump(tmp_path, "traced.ctm", [(0, 8056, frames, 2)])
    lines = call("top", path, "--by", "traceback").out.splitlines()
    assert lines[2].endswith(f"{source}:2")
    assert [line.strip() for line in lines[3:]] == [
        "return list(range(1000))",
        f"called from {source}:4",
        "kept = make()",
    ]


@pytest.mark.parametrize(
    ("order", "first"),
    [
        ("size", "app/[red]new.py"),
        ("count", "app/parse.py"),
        ("average", "app/[red]new.py"),
        ("name", "app/\x1b[31m.py"),
    ],
)
def test_orders(call: Caller, new: Path, order: str, first: str) -> None:
    assert names(entries(call, new, "--sort", order))[0] == first


def test_filters_and_domains_hold_together(call: Caller, new: Path) -> None:
    assert names(entries(call, new, "--filter", "*/parse.py")) == ["app/parse.py"]
    assert "app/parse.py" not in names(entries(call, new, "--exclude", "*/parse.py"))
    assert names(entries(call, new, "--domain", "numpy")) == ["app/[red]new.py"]
    both = entries(call, new, "--domain", "0", "--domain", "389047")
    assert both["count"] == 4
    # Not what is of either: what is of both.
    assert entries(call, new, "--domain", "numpy", "--filter", "*/parse.py")["count"] == 0
    loaded = entries(call, new, "--filter", "*/load.py", "--all-frames")
    assert loaded["size"] == 1000 + 20480 + 512


def test_patterns_are_of_files_functions_and_modules(call: Caller, named: Path) -> None:
    def found(*options: str) -> int:
        count = entries(call, named, "--limit", "0", *options)["count"]
        assert isinstance(count, int)
        return count

    assert found("--filter", "function:Cache.*") == 4
    assert found("--filter", "function:cache.*") == 0
    assert found("--filter", "module:app.*") == 6
    assert found("--filter", "module:app.*", "--exclude", "function:Cache.*") == 2
    # One of several is enough to be kept.
    assert found("--filter", "function:Cache.*", "--filter", "module:tool") == 5
    assert found("--filter", "*/cache.py") == found("--filter", "file:*/cache.py") == 4
    assert found("--filter", "function:main") == 0
    assert found("--filter", "function:main", "--all-frames") == 7


def test_an_unknown_kind_of_pattern_is_refused(call: Caller, new: Path) -> None:
    done = call("top", new, "--exclude", "class:Cache")
    assert done.status == 2
    assert "no patterns of the kind class: (there are file:, function:, module:" in done.err
    assert call("top", new, "--filter", "file:class:Cache").status == 0


def test_a_limit_of_none_shows_all(call: Caller, new: Path) -> None:
    assert len(entries(call, new, "--limit", "0")["entries"]) == 4


def test_nothing_to_show_is_one_line(call: Caller, new: Path, empty: Path) -> None:
    done = call("top", empty)
    assert (done.status, done.out) == (0, f"{empty}: the snapshot has no traces\n")
    done = call("top", new, "--filter", "nowhere")
    assert (done.status, done.out) == (0, f"{new}: nothing is selected of 5 traces\n")
    assert entries(call, empty)["entries"] == []


def test_a_snapshot_of_the_peak_says_so(call: Caller, tmp_path: Path) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    ctracemalloc.start()
    try:
        del [bytes(3_000_000)][0]
        ctracemalloc.take_snapshot(at="peak").dump(tmp_path / "peak.ctm")
    finally:
        ctracemalloc.stop()
    head, _, first = call("top", tmp_path / "peak.ctm").out.splitlines()[:3]
    assert head.startswith(f"{tmp_path / 'peak.ctm'}: peak of 2930 KiB in ")
    assert "test_top.py:" in first
    assert entries(call, tmp_path / "peak.ctm")["kind"] == "peak"
    assert "peak" in call("info", tmp_path / "peak.ctm").out


def test_no_name_moves_the_cursor(call: Caller, new: Path) -> None:
    assert "\x1b" not in call("top", new).out
    assert r"app/\x1b[31m.py:2" in call("top", new).out


def test_a_terminal_gets_colour_and_its_width(new: Path) -> None:
    wide, narrow = (on_terminal("top", new, columns=columns) for columns in (100, 50))
    assert "\x1b[1m" in wide
    # What looks like markup is a file's name.
    assert "app/[red]new.py:9" in wide
    assert r"app/\x1b[31m.py:2" in wide
    widths = [[len(line) for line in without_style(text)[1:]] for text in (wide, narrow)]
    assert len(widths[0]) < len(widths[1])
    assert max(widths[1]) == 50 < max(widths[0]) <= 100


def test_what_a_traceback_has_no_sum_for(call: Caller, new: Path) -> None:
    done = call("top", new, "--by", "traceback", "--cumulative")
    assert done.status == 2
    assert "--cumulative does not go with --by traceback" in done.err


@pytest.mark.parametrize("number", ["9" * 5000, "1" + "0" * 10])
def test_a_number_that_no_domain_has(call: Caller, new: Path, number: str) -> None:
    done = call("top", new, "--domain", number)
    assert (done.status, done.out) == (2, "")
    assert f"no domain is called {number!r}" in done.err
    assert entries(call, new, "--domain", "0" * 5000 + "389047")["size"] == 65536


def test_on_a_narrow_terminal_places_stand_below_their_numbers(tmp_path: Path) -> None:
    source = tmp_path / "kept.py"
    source.write_text("kept = [bytes(1000) for _ in range(3)]\n", encoding="utf-8")
    path = dump(tmp_path, "a.ctm", [(0, 3000, ((str(source), 1),), 1)])
    lines = without_style(on_terminal("top", path, columns=40))
    (numbers,) = (at for at, line in enumerate(lines) if line.startswith("3000 B"))
    below = [line.strip() for line in lines[numbers + 1 :]]
    assert "".join(below).startswith(f"{source}:1kept = ")
    assert len(lines) < 12
    assert all(len(line) <= 40 for line in lines[1:])
