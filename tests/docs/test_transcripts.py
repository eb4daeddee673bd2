"""What the documentation shows of commands is what they print."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from snippets import SHOWN, example, filled
from transcripts import (
    AS_SHOWN,
    EXAMPLES,
    Step,
    compare,
    differences,
    is_as_shown,
    parse,
    run,
    unparse,
)

TRANSCRIPTS = sorted(EXAMPLES.rglob("*.txt"))
PAGES = EXAMPLES.parent

LISTING = [
    "[ Top 10 ]",
    "/app/top.py:11: size=1310 KiB (+1310 KiB), count=20001 (+20001), average=67 B",
    "/usr/lib/python3.11/collections/__init__.py:503: size=153 KiB, count=60, average=2550 B",
    "    self.data = set()",
]


@pytest.mark.skipif(not is_as_shown(), reason=f"the pages show {AS_SHOWN}")
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_documentation_shows_what_is_printed(transcript: Path) -> None:
    remedy = "\nlook at it, and at `git diff` after: make examples"
    found = differences(transcript)
    assert not found, "\n".join(found) + remedy


def test_every_example_is_shown() -> None:
    shown = {
        name
        for page in PAGES.glob("*.md")
        for name in re.findall(r"^<!-- example: ([^: ]+)", page.read_text(encoding="utf-8"), re.M)
    }
    files = {
        str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*") if path.suffix != ".pyc"
    }
    folders = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*") if path.is_dir()}
    assert files - folders == shown


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_pages_show_the_examples_as_they_are(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(SHOWN.findall(text)) == text.count("<!-- example: ")
    assert filled(text) == text, "run: python tools/site/snippets.py"


def test_parts_of_examples_are_shown() -> None:
    run_line = "$ ctracemalloc run -n 10 --top 3 -o app.ctm app.py\n"
    assert example("quickstart/quickstart.txt", "run").startswith(run_line)
    assert "--- [" not in example("quickstart/quickstart.txt", "top")
    whole = (EXAMPLES / "leak" / "pages.py").read_text(encoding="utf-8")
    assert example("leak/pages.py", None) == whole
    assert example("leak/pages.py", "2-3").splitlines() == whole.splitlines()[1:3]
    with pytest.raises(ValueError, match="not in list"):
        example("quickstart/quickstart.txt", "nothing")


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_is_read_as_it_is_written(transcript: Path) -> None:
    text = transcript.read_text(encoding="utf-8")
    assert unparse(parse(text)) == text
    assert any(isinstance(part, Step) for part in parse(text))


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (1, "/app/top.py:11: size=1.2 MiB (+1250 KiB), count=20,011 (+19990), average=70 B"),
        (
            2,
            LISTING[2].replace("503: size=153 KiB, count=60", "477: size=0.15 MiB, count=61"),
        ),
    ],
)
def test_other_numbers_are_the_same_text(number: int, printed: str) -> None:
    assert list(compare(LISTING, [*LISTING[:number], printed, *LISTING[number + 1 :]])) == []


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (0, "[ Top 5 or so ]"),
        (1, LISTING[1].replace("top.py:11", "top.py:12")),
        (1, LISTING[1].replace("top.py", "pot.py")),
        (1, LISTING[1].replace("20001 ", "30001 ")),
        (1, LISTING[1].replace("size=1310", "size=131")),
        (1, LISTING[1].replace("(+1310", "(-1310")),
        (1, LISTING[1].replace(" (+20001)", "")),
        (2, LISTING[2].replace("collections/", "collection/")),
        (3, "    self.data = list()"),
    ],
)
def test_another_text_is_found(number: int, printed: str) -> None:
    assert len(list(compare(LISTING, [*LISTING[:number], printed, *LISTING[number + 1 :]]))) == 1


def test_a_line_more_or_less_is_found() -> None:
    assert len(list(compare(LISTING, LISTING[:-1]))) == 1
    assert len(list(compare(LISTING, [*LISTING, "more"]))) == 1


def test_commands_run_in_one_shell_and_leave_nothing_behind(tmp_path: Path) -> None:
    transcript = tmp_path / "example" / "some.txt"
    transcript.parent.mkdir()
    text = "$ x=1\n--- [part]\n$ echo $x; pwd\n$ sleep 1000 & echo $!\n--- [end]\n"
    transcript.write_text(text)
    lines = unparse(run(transcript)).splitlines()
    assert lines[:5] == ["$ x=1", "--- [part]", "$ echo $x; pwd", "1", "/app"]
    # What is dead but not yet waited for has no command line.
    command = Path("/proc", lines[6], "cmdline")
    deadline = time.monotonic() + 60
    while command.exists() and command.read_bytes():
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.01)
