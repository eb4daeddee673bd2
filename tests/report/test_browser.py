"""The report in a real browser without a network: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from report_support import HOSTILE, trace, write_snapshot

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("jinja2")
sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


@pytest.fixture
def browser_page() -> Iterator[Page]:
    """Open an empty page; at the end there must have been no error and no request."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context(offline=True, reduced_motion="reduce").new_page()
        errors: list[str] = []
        page.on(
            "console",
            lambda said: errors.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(("file:", "data:")) else errors.append(asked.url)
            ),
        )
        yield page
        browser.close()
        assert errors == []


def open_report(page: Page, folder: Path, *files: Path) -> None:
    output = folder / "page.html"
    command = [sys.executable, "-m", "ctracemalloc", "report", *map(str, files), "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    page.goto(output.as_uri())
    page.wait_for_selector("g.frame")


def frame(text: str) -> str:
    return f'g.frame[aria-label^="{text}"]'


def test_names_stay_text(browser_page: Page, new_file: Path, tmp_path: Path) -> None:
    open_report(browser_page, tmp_path, new_file)
    assert browser_page.title() == "new.ctm"
    assert HOSTILE in browser_page.inner_text("#table")


def test_a_click_zooms_and_escape_comes_back(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    width = "e => e.getBoundingClientRect().width"
    narrow = browser_page.eval_on_selector(frame("array.py:5"), width)
    browser_page.click(frame("array.py:5"))
    browser_page.wait_for_timeout(100)
    assert browser_page.eval_on_selector(frame("array.py:5"), width) > 5 * narrow
    browser_page.keyboard.press("Escape")
    browser_page.wait_for_timeout(100)
    assert browser_page.eval_on_selector(frame("array.py:5"), width) == pytest.approx(
        narrow, rel=0.2
    )


def test_search_finds_frames(browser_page: Page, new_file: Path, tmp_path: Path) -> None:
    open_report(browser_page, tmp_path, new_file)
    browser_page.keyboard.press("/")
    browser_page.keyboard.type("cache.py")
    assert "1 frames, 91 %" in browser_page.inner_text("#found")
    browser_page.fill("#search", "nowhere")
    assert browser_page.inner_text("#found") == "nothing found"


def test_inverted_begins_at_the_newest_frame(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    top = "e => e.getBoundingClientRect().top"
    before = [browser_page.eval_on_selector(frame(n), top) for n in ("main.py:1", "cache.py:10")]
    assert before[0] < before[1]
    browser_page.click("#inverted")
    assert browser_page.get_attribute("#inverted", "aria-pressed") == "true"
    after = [browser_page.eval_on_selector(frame(n), top) for n in ("main.py:1", "cache.py:10")]
    assert after[0] > after[1]


def test_a_domain_can_be_looked_at_alone(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    browser_page.select_option("#domain", "numpy")
    assert browser_page.locator(frame("array.py:5")).count() == 1
    assert browser_page.locator(frame("cache.py:10")).count() == 0


def test_a_module_can_be_looked_at_alone(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    browser_page.select_option("#module", "cache")
    assert browser_page.locator(frame("cache.py:10")).count() == 1
    assert browser_page.locator(frame("array.py:5")).count() == 0


def test_a_comparison_says_and_shows_what_changed(
    browser_page: Page, old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, old_file, new_file)
    label = browser_page.get_attribute(frame("cache.py:10"), "aria-label")
    assert label is not None
    assert "+39.1 KiB" in label
    assert browser_page.locator(frame("gone.py:7")).count() == 0
    browser_page.click("#old-width")
    colour = browser_page.eval_on_selector(
        frame("gone.py:7") + " rect", "e => e.getAttribute('fill')"
    )
    assert colour == "rgb(52,133,204)"
    assert browser_page.inner_text("#table tbody tr:first-child .where") == "cache.py:10"


def test_the_table_sorts_and_searches_from_the_keyboard(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    first = "#table tbody tr:first-child .where"
    assert browser_page.inner_text(first) == "cache.py:10"
    browser_page.focus("#table th:nth-child(4) button")
    browser_page.keyboard.press("Enter")
    assert HOSTILE in browser_page.inner_text(first)
    browser_page.fill("#table-search", "array")
    assert browser_page.locator("#table tbody tr").count() == 1


def test_frames_are_reached_and_opened_by_keyboard(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    browser_page.focus(frame("array.py:5"))
    assert browser_page.inner_text("#details").startswith("array.py:5: 2.0 KiB")
    width = "e => e.getBoundingClientRect().width"
    narrow = browser_page.eval_on_selector(frame("array.py:5"), width)
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_timeout(100)
    assert browser_page.eval_on_selector(frame("array.py:5"), width) > 5 * narrow


def test_a_series_shows_its_time_line(
    browser_page: Page, old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    third = tmp_path / "third.ctm"
    third.write_bytes(old_file.read_bytes())
    open_report(browser_page, tmp_path, old_file, new_file, third)
    assert browser_page.locator("#timeline polygon").count() >= 3
    assert "peak 53.7 KiB" in browser_page.inner_text("#timeline")


def test_many_small_frames_leave_no_gap(browser_page: Page, tmp_path: Path) -> None:
    traces = [trace(100, (f"small{number}.py", 1)) for number in range(2000)]
    traces += [trace(400, (f"larger{number}.py", 1)) for number in range(500)]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "many.ctm", traces))
    widths = browser_page.eval_on_selector_all(
        "g.frame rect", "frames => frames.map(frame => Number(frame.getAttribute('width')))"
    )
    whole = max(widths)
    assert sum(widths) - whole == pytest.approx(whole, rel=0.01)
