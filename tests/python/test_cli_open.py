"""`ctracemalloc run --open` and `report --open`: a page in the browser, if there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_environment import fresh_environment

pytest.importorskip("jinja2")

# What would name a browser or a screen, and what the tests are run with.
_NOT_OURS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "CTRACEMALLOC", "_CTRACEMALLOC")


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """Make a browser that notes what it is called with."""
    path = tmp_path / "browser"
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{tmp_path}/opened\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def call(
    *arguments: str, folder: Path, browser: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)
    }
    if browser is not None:
        environment["BROWSER"] = str(browser)
    return subprocess.run(
        [sys.executable, "-m", "ctracemalloc", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def opened(folder: Path) -> list[str]:
    return (folder / "opened").read_text(encoding="utf-8").splitlines()


def test_a_run_ends_in_the_browser(browser: Path, tmp_path: Path) -> None:
    code = "import sys; print('done'); sys.exit(3)"
    done = call("run", "--open", "-o", "a b.ctm", "-c", code, folder=tmp_path, browser=browser)
    assert (done.returncode, done.stdout) == (3, "done\n")
    assert opened(tmp_path) == [(tmp_path / "a b.html").as_uri()]
    assert (tmp_path / "a b.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert done.stderr.splitlines()[-1] == f"report written to {tmp_path / 'a b.html'}"
    # Again: a report is replaced.
    done = call("run", "--open", "-o", "a b.ctm", "-c", code, folder=tmp_path, browser=browser)
    assert done.returncode == 3
    assert len(opened(tmp_path)) == 2


def test_a_run_shows_its_series(browser: Path, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "keep = []\n"
        "while not os.path.isdir('a.series') or len(os.listdir('a.series')) < 3:\n"
        "    keep.append(bytes(10**6))\n"
        "    time.sleep(0.05)\n"
    )
    arguments = ("--every-growth", "2M", "-o", "a.ctm", "-c", code)
    done = call("run", "--open", *arguments, folder=tmp_path, browser=browser)
    assert done.returncode == 0
    assert "Over time" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_children_open_nothing(browser: Path, tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'pass'])\n"
        "pid = os.fork()\n"
        "if pid: os.waitpid(pid, 0)\n"
    )
    arguments = ("--follow-children", "-o", "%p.ctm", "-c", code)
    done = call("run", "--open", *arguments, folder=tmp_path, browser=browser)
    assert done.returncode == 0, done.stderr
    assert len(opened(tmp_path)) == 1
    assert len(list(tmp_path.glob("*.ctm"))) == 3
    assert len(list(tmp_path.glob("*.html"))) == 1


def test_without_a_browser_one_line_says_where(tmp_path: Path) -> None:
    done = call("run", "--open", "--top", "0", "-o", "a.ctm", "-c", "pass", folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == (
        "ctracemalloc report: no browser to open it in (DISPLAY, BROWSER): open "
        f"{tmp_path / 'a.html'} yourself"
    )
    assert (tmp_path / "a.html").exists()


def test_a_browser_that_fails_is_told(tmp_path: Path) -> None:
    done = call(
        "run", "--open", "-o", "a.ctm", "-c", "pass", folder=tmp_path, browser=Path("/bin/false")
    )
    assert done.returncode == 0
    assert "no browser to open it in" in done.stderr.splitlines()[-1]


def test_another_file_is_not_replaced(browser: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("precious", encoding="utf-8")
    done = call("run", "--open", "-o", "a.ctm", "-c", "1/0", folder=tmp_path, browser=browser)
    assert done.returncode == 1
    assert done.stderr == (
        f"ctracemalloc run: the report would replace {tmp_path / 'a.html'}, which is none: move it "
        "away, or choose another path with -o\n"
    )
    made_late = "open('b.html', 'w').write('precious')"
    done = call("run", "--open", "-o", "b.ctm", "-c", made_late, folder=tmp_path, browser=browser)
    assert done.returncode == 0
    assert f"no report: {tmp_path / 'b.html'} is another file\n" in done.stderr
    for name in ("a.html", "b.html"):
        assert (tmp_path / name).read_text(encoding="utf-8") == "precious"
    assert not (tmp_path / "opened").exists()


def test_the_programs_own_modules_are_not_taken(browser: Path, tmp_path: Path) -> None:
    (tmp_path / "jinja2.py").write_text("raise SystemExit('taken')", encoding="utf-8")
    (tmp_path / "app.py").write_text("kept = bytes(1000)", encoding="utf-8")
    done = call("run", "--open", "-o", "a.ctm", "app.py", folder=tmp_path, browser=browser)
    assert done.returncode == 0
    assert opened(tmp_path) == [(tmp_path / "a.html").as_uri()]


def test_what_a_report_needs_is_asked_for_before_the_run(tmp_path: Path) -> None:
    env = fresh_environment()
    done = env.run("-m", "ctracemalloc", "run", "--open", "-c", "print('ran')", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "ctracemalloc run: --open needs jinja2: install it with 'pip install jinja2'\n"
    )


def test_a_report_is_opened(browser: Path, tmp_path: Path) -> None:
    run = call("run", "--top", "0", "-o", "a.ctm", "-c", "pass", folder=tmp_path)
    assert run.returncode == 0
    done = call("report", "--open", "a.ctm", folder=tmp_path, browser=browser)
    assert (done.returncode, done.stdout, done.stderr) == (0, "report written to a.html\n", "")
    assert opened(tmp_path) == [(tmp_path / "a.html").as_uri()]
