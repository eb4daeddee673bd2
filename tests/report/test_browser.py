"""The report in a real browser without a network: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from contrast import contrast
from ctracemalloc import Snapshot
from ctracemalloc._text import human_size
from ctracemalloc.report.colours import _LIGHT
from ctracemalloc.report.flame import MOST_LEVELS
from report_support import HOSTILE, trace, write_snapshot

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("jinja2")
sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """Open an empty page; at the end there must have been no error and no request."""
    context = browser.new_context(offline=True, reduced_motion="reduce")
    page = context.new_page()
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
    context.close()
    assert errors == []


def open_report(page: Page, folder: Path, *files: Path) -> None:
    output = folder / "page.html"
    command = [sys.executable, "-m", "ctracemalloc", "report", *map(str, files)]
    command += ["-o", str(output), "--force"]
    subprocess.run(command, check=True, capture_output=True)
    page.goto(output.as_uri())
    page.wait_for_selector("g.frame")


def rgb(colour: str) -> str:
    return f"rgb({','.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def hexadecimal(colour: str) -> str:
    """Return a colour that a browser tells, as #rrggbb."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour))


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
    assert "1 frame, 91 %" in browser_page.inner_text("#found")
    browser_page.fill("#search", "nowhere")
    assert browser_page.inner_text("#found") == "nothing found"


def test_inverted_begins_at_the_newest_frame(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    top = "e => e.getBoundingClientRect().top"
    before = [browser_page.eval_on_selector(frame(n), top) for n in ("main.py:1", "cache.py:10")]
    assert before[0] < before[1]
    browser_page.click("text=Inverted")
    assert browser_page.get_attribute("text=Inverted", "aria-pressed") == "true"
    assert browser_page.get_attribute("text=Callers first", "aria-pressed") == "false"
    after = [browser_page.eval_on_selector(frame(n), top) for n in ("main.py:1", "cache.py:10")]
    assert after[0] > after[1]


def test_a_domain_can_be_looked_at_alone(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    browser_page.select_option("#domain", label="numpy")
    assert browser_page.locator(frame("array.py:5")).count() == 1
    assert browser_page.locator(frame("cache.py:10")).count() == 0
    assert browser_page.inner_text("#table tbody").count("array.py:5") == 1
    assert browser_page.locator("#table tbody tr").count() == 1


def test_a_module_can_be_looked_at_alone(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, new_file)
    browser_page.fill("#module", "cache")
    assert browser_page.locator(frame("cache.py:10")).count() == 1
    assert browser_page.locator(frame("array.py:5")).count() == 0
    assert browser_page.locator("#table tbody tr").count() == 1
    browser_page.fill("#module", "cach")
    assert browser_page.get_attribute("#module", "aria-invalid") == "true"
    assert browser_page.locator(frame("array.py:5")).count() == 1
    browser_page.fill("#module", "cache")
    browser_page.keyboard.press("Escape")
    assert browser_page.input_value("#module") == ""
    assert browser_page.locator(frame("array.py:5")).count() == 1


def test_a_package_has_its_modules(browser_page: Page, tmp_path: Path) -> None:
    names = ("app/db/pool.py", "app/db/rows.py", "app/dbx.py", "tool.py")
    traces = [trace(1000, (name, 1)) for name in names]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "p.ctm", traces))
    options = "#modules option"
    offered = browser_page.eval_on_selector_all(options, "list => list.map(item => item.value)")
    assert offered == ["app.db.pool", "app.db.rows", "app.dbx", "tool"]
    browser_page.fill("#module", "app.db")
    drawn = [browser_page.locator(frame(name)).count() for name in names]
    assert drawn == [1, 1, 0, 0]


def test_a_comparison_says_and_shows_what_changed(
    browser_page: Page, old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, old_file, new_file)
    label = browser_page.get_attribute(frame("cache.py:10"), "aria-label")
    assert label is not None
    assert "+39.1 KiB" in label
    assert browser_page.locator(frame("gone.py:7")).count() == 0
    browser_page.click("text=Before")
    colour = browser_page.eval_on_selector(
        frame("gone.py:7") + " rect", "e => e.getAttribute('fill')"
    )
    assert colour == rgb(_LIGHT["shrank"][1])
    grown = browser_page.eval_on_selector(
        frame("cache.py:10") + " rect", "e => e.getAttribute('fill')"
    )
    red, _, blue = map(int, re.findall(r"\d+", grown))
    assert red > blue
    assert browser_page.inner_text("#table tbody tr:first-child .where") == "cache.py:10"


def test_a_module_outside_of_the_domain_was_nothing_before(
    browser_page: Page, old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    open_report(browser_page, tmp_path, old_file, new_file)
    browser_page.fill("#module", "cache")
    assert browser_page.inner_text("#details").startswith("all: 48.8 KiB, 100 % (was 10000 B")
    browser_page.select_option("#domain", label="python")
    browser_page.fill("#module", "array")
    assert browser_page.inner_text("#details") == "all: 0 B (was 0 B, 0 B)"


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_no_wider_than_the_window(
    browser_page: Page, new_file: Path, tmp_path: Path, width: int
) -> None:
    labels = {"commit": "0123456789abcdef" * 20, "why " * 60: "since " * 100, "k" * 200: "v"}
    traces = [trace(10**9 + number, (f"{'long' * 50}.py", number)) for number in range(1, 40)]
    labelled = tmp_path / "labelled.ctm"
    Snapshot(traces, 25).dump(str(labelled), labels=labels)
    browser_page.set_viewport_size({"width": width, "height": 800})
    for files in ([new_file, labelled], [labelled], [new_file, labelled, new_file, labelled]):
        open_report(browser_page, tmp_path, *files)
        wide, window = browser_page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= window == width
        # Names of lines have room in what scrolls.
        name = "e => e.getBoundingClientRect().width"
        assert browser_page.eval_on_selector("#table .where", name) >= 150


@pytest.mark.parametrize("width", [360, 1440, 1600])
def test_facts_stand_side_by_side_and_are_not_broken(
    browser_page: Page, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "taken.ctm"
    code = """
import ctracemalloc, sys
ctracemalloc.start()
kept = bytes(1_000_000)
ctracemalloc.take_snapshot().dump(sys.argv[1])
"""
    subprocess.run([sys.executable, "-c", code, str(file)], check=True)
    browser_page.set_viewport_size({"width": width, "height": 800})
    open_report(browser_page, tmp_path, file)
    facts = browser_page.eval_on_selector_all(
        "dl.summary div",
        """facts => facts.map(fact => {
            const range = document.createRange()
            range.selectNodeContents(fact.querySelector('dd'))
            return [fact.textContent, range.getClientRects().length, fact.offsetTop]
        })""",
    )
    assert any(text.startswith("Taken") for text, _, _ in facts)
    assert [text for text, lines, _ in facts if lines != 1] == []
    assert facts[0][2] == facts[1][2]


def test_sizes_are_written_as_by_the_commands(browser_page: Page, tmp_path: Path) -> None:
    # 12.25 and 100.5 KiB are as near to the number above as to the one below.
    sizes = [1, 1023, 1024, 10239, 10240, 12544, 102_912, 104_448, 5 << 20, 1_973_093_091, 1 << 50]
    traces = [trace(size, ("main.py", number)) for number, size in enumerate(sizes, 1)]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "sizes.ctm", traces))
    shown = browser_page.locator("#table tbody td:nth-child(2)").all_inner_texts()
    assert shown == [human_size(size) for size in sorted(sizes, reverse=True)]
    assert f"all: {human_size(sum(sizes))}" in browser_page.inner_text("#details")


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
    # One stop for the Tab key; arrows go on from there.
    assert browser_page.locator('g.frame[tabindex="0"]').count() == 1
    browser_page.focus('g.frame[tabindex="0"]')
    for key, text in (
        ("ArrowDown", "main.py:1: 48.8 KiB, 91 %; own 0 B"),
        ("ArrowRight", "main.py:3: 3000 B"),
        ("ArrowRight", "main.py:4: 2000 B"),
        ("ArrowRight", "main.py:4: 2000 B"),
        ("ArrowLeft", "main.py:3: 3000 B"),
        ("ArrowUp", "all: 53.7 KiB"),
        ("ArrowDown", "main.py:1: 48.8 KiB"),
        ("ArrowDown", "cache.py:10: 48.8 KiB"),
    ):
        browser_page.keyboard.press(key)
        assert browser_page.inner_text("#details").startswith(text)
    browser_page.focus(frame("array.py:5"))
    width = "e => e.getBoundingClientRect().width"
    narrow = browser_page.eval_on_selector(frame("array.py:5"), width)
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_timeout(100)
    assert browser_page.eval_on_selector(frame("array.py:5"), width) > 5 * narrow
    assert browser_page.locator('g.frame[tabindex="0"]').count() == 1


def test_a_deep_frame_that_has_the_focus_is_in_sight_with_what_is_said_of_it(
    browser_page: Page, tmp_path: Path
) -> None:
    # What is said of them takes several lines.
    name = "deep/" * 80
    frames = [(name, number) for number in range(1, 101)]
    file = write_snapshot(tmp_path / "deep.ctm", [trace(100, *frames), trace(50, ("main.py", 1))])
    browser_page.set_viewport_size({"width": 800, "height": 600})
    open_report(browser_page, tmp_path, file)
    browser_page.focus('g.frame[tabindex="0"]')

    def edges() -> list[float]:
        """Return top and bottom of what is said, and of the frame that has the focus."""
        found: list[float] = browser_page.evaluate(
            """[document.getElementById('details'), document.activeElement].flatMap(element => {
                const { top, bottom } = element.getBoundingClientRect()
                return [top, bottom]
            })"""
        )
        return found

    for key, times, text in (("ArrowDown", 80, f"{name}:80: "), ("ArrowUp", 75, f"{name}:5: ")):
        for _ in range(times):
            browser_page.keyboard.press(key)
        assert browser_page.inner_text("#details").startswith(text)
        assert edges() == sorted(edges())
        assert edges()[0] >= 0
        assert edges()[-1] <= 600
    assert browser_page.evaluate("document.getElementById('flame').scrollLeft") == 0


def test_own_memory_stands_out(browser_page: Page, tmp_path: Path) -> None:
    traces = [trace(900, ("main.py", 1), ("cache.py", 10)), trace(100, ("main.py", 1))]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "own.ctm", traces))
    fill = "e => e.querySelector('rect').getAttribute('fill')"
    browser_page.click("#flame-own >> text=Own")
    most = browser_page.eval_on_selector(frame("cache.py:10"), fill)
    assert most == rgb(_LIGHT["own"][1])
    assert browser_page.eval_on_selector(frame("main.py:1"), fill) not in (most, _LIGHT["same"])
    assert browser_page.eval_on_selector(frame("all"), fill) == _LIGHT["same"]
    assert "own 100 B" in str(browser_page.get_attribute(frame("main.py:1"), "aria-label"))


def test_the_table_counts_own_or_all(browser_page: Page, tmp_path: Path) -> None:
    traces = [trace(900, ("main.py", 1), ("cache.py", 10)), trace(100, ("main.py", 2))]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "own.ctm", traces))

    def rows() -> dict[str, str]:
        names = browser_page.locator("#table .where").all_inner_texts()
        sizes = browser_page.locator("#table td:nth-child(2)").all_inner_texts()
        return dict(zip(names, sizes, strict=True))

    assert rows() == {"cache.py:10": "900 B", "main.py:2": "100 B"}
    browser_page.click("#table-own >> text=Cumulative")
    assert rows() == {"cache.py:10": "900 B", "main.py:1": "900 B", "main.py:2": "100 B"}


def test_a_line_shows_what_is_around_it(browser_page: Page, tmp_path: Path) -> None:
    source = tmp_path / "program.py"
    source.write_text("before = 1\nkept = '<b>bold</b>'\nafter = 2\n", encoding="utf-8")
    file = write_snapshot(tmp_path / "p.ctm", [trace(8000, (str(source), 2))])
    open_report(browser_page, tmp_path, file)
    assert not browser_page.is_visible(".excerpt")
    browser_page.focus("button.source")
    browser_page.keyboard.press("Enter")
    assert browser_page.get_attribute("button.source", "aria-expanded") == "true"
    lines = browser_page.inner_text(".excerpt").split("\n")
    assert [line.strip() for line in lines if line.strip()] == [
        "1before = 1",
        "2kept = '<b>bold</b>'",
        "3after = 2",
    ]
    assert browser_page.inner_text(".excerpt .own").startswith("2")
    assert browser_page.locator(".excerpt b").count() == 0


def test_a_fold_says_what_is_in_it(browser_page: Page, tmp_path: Path) -> None:
    traces = [trace(500 + number, (f"small{number}.py", 1)) for number in range(2000)]
    traces += [trace(10_000_000, ("main.py", 2))]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "many.ctm", traces))
    browser_page.hover(frame("(2,000 smaller frames)"))
    text = browser_page.inner_text("#details")
    assert text.startswith("(2,000 smaller frames) such as small1999.py:1 2499 B, small1998.py:1")


def test_more_lines_are_shown_on_request(browser_page: Page, tmp_path: Path) -> None:
    traces = [trace(500, ("main.py", number)) for number in range(1, 301)]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "many.ctm", traces))
    assert browser_page.locator("#table tbody tr").count() == 25
    assert browser_page.inner_text("#table-shown") == "25 of 300 lines"
    browser_page.click("#more")
    browser_page.click("#more")
    assert browser_page.locator("#table tbody tr").count() == 300
    assert not browser_page.is_visible("#more")


def test_light_and_dark(browser_page: Page, new_file: Path, tmp_path: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    browser_page.emulate_media(color_scheme="dark")
    open_report(browser_page, tmp_path, new_file)
    dark = browser_page.evaluate(paper)
    browser_page.click("#theme")
    light = browser_page.evaluate(paper)
    assert (
        sum(map(int, re.findall(r"\d+", light)))
        > 600
        > 100
        > sum(map(int, re.findall(r"\d+", dark)))
    )
    # The system's choice, when it is made anew, counts.
    schemes: list[tuple[Literal["light", "dark"], str]] = [("light", light), ("dark", dark)]
    for scheme, colour in schemes:
        browser_page.emulate_media(color_scheme=scheme)
        sync_api.expect(browser_page.locator("body")).to_have_css("background-color", colour)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_and_what_they_are_for_can_be_seen(
    browser_page: Page, new_file: Path, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    browser_page.emulate_media(color_scheme=scheme)
    open_report(browser_page, tmp_path, new_file)
    colours: list[str] = browser_page.eval_on_selector(
        "#search",
        """field => [
            getComputedStyle(field, '::placeholder').color,
            getComputedStyle(field).backgroundColor,
            getComputedStyle(field).borderTopColor,
            getComputedStyle(field.closest('section')).backgroundColor
        ]""",
    )
    hint, field, edge, card = map(hexadecimal, colours)
    # What WCAG 2.2 asks for at level AA: of text, and of what can be typed into.
    assert contrast(hint, field) >= 4.5
    assert contrast(edge, card) >= 3


def test_deep_stacks_are_drawn(browser_page: Page, tmp_path: Path) -> None:
    frames = [("deep.py", number) for number in range(1, 20_001)]
    file = write_snapshot(tmp_path / "deep.ctm", [trace(100, *frames), trace(50, ("main.py", 1))])
    open_report(browser_page, tmp_path, file)
    drawn = browser_page.locator("g.frame")
    assert drawn.count() == MOST_LEVELS + 3
    fold = str(browser_page.get_attribute(frame("(1 smaller frame)"), "aria-label"))
    assert f"such as deep.py:{MOST_LEVELS + 1} 100 B" in fold
    browser_page.click(frame("main.py:1"))
    browser_page.fill("#module", "deep")
    assert browser_page.locator(frame("deep.py:2000")).count() == 1
    assert browser_page.locator(frame("main.py:1")).count() == 0


def test_a_series_shows_its_time_line(
    browser_page: Page, old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    third = tmp_path / "third.ctm"
    third.write_bytes(old_file.read_bytes())
    open_report(browser_page, tmp_path, old_file, new_file, third)
    assert browser_page.locator("#timeline polygon").count() >= 3
    assert "peak 53.7 KiB" in browser_page.inner_text("#timeline")
    legend = browser_page.inner_text("#timeline-legend")
    assert "cache.py:10 10000 B peak 48.8 KiB" in legend
    browser_page.focus("#timeline svg")
    browser_page.keyboard.press("ArrowLeft")
    assert browser_page.inner_text("#timeline-details") == "snapshot 2: 53.7 KiB (2 of 3)"
    assert "cache.py:10 48.8 KiB peak 48.8 KiB" in browser_page.inner_text("#timeline-legend")
    browser_page.keyboard.press("Home")
    assert browser_page.get_attribute("#timeline svg", "aria-valuenow") == "1"
    browser_page.hover("#timeline svg")
    assert "(2 of 3)" in browser_page.inner_text("#timeline-details")


def test_the_scale_of_a_time_line_is_round(browser_page: Page, tmp_path: Path) -> None:
    file = write_snapshot(tmp_path / "same.ctm", [trace(20_000, ("main.py", 1))])
    open_report(browser_page, tmp_path, file, file, file)
    ticks = browser_page.locator("#timeline text.axis").all_text_contents()
    assert ticks[:5] == ["0 B", "4.0 KiB", "8.0 KiB", "12.0 KiB", "16.0 KiB"]


def test_a_time_line_can_be_read_at_any_width(
    browser_page: Page, old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    browser_page.set_viewport_size({"width": 1200, "height": 800})
    open_report(browser_page, tmp_path, old_file, new_file, old_file)
    browser_page.focus("#timeline svg")
    browser_page.keyboard.press("ArrowLeft")
    browser_page.set_viewport_size({"width": 360, "height": 800})
    # One unit of the drawing is one of the window.
    browser_page.wait_for_function(
        """() => {
            const svg = document.querySelector('#timeline svg')
            return svg.viewBox.baseVal.width === svg.getBoundingClientRect().width
        }"""
    )
    assert browser_page.evaluate("document.activeElement.getAttribute('aria-valuenow')") == "2"
    boxes = browser_page.eval_on_selector_all(
        "#timeline text",
        """texts => texts.map(text => {
            const { left, right, top, bottom } = text.getBoundingClientRect()
            return [left, right, top, bottom]
        })""",
    )
    assert all(0 <= left < right <= 360 for left, right, _, _ in boxes)
    for one, other in combinations(boxes, 2):
        beside = one[1] <= other[0] or other[1] <= one[0]
        assert beside or one[3] <= other[2] + 2 or other[3] <= one[2] + 2


def test_many_small_frames_leave_no_gap(browser_page: Page, tmp_path: Path) -> None:
    traces = [trace(100, (f"small{number}.py", 1)) for number in range(2000)]
    traces += [trace(400, (f"larger{number}.py", 1)) for number in range(500)]
    open_report(browser_page, tmp_path, write_snapshot(tmp_path / "many.ctm", traces))
    widths = browser_page.eval_on_selector_all(
        "g.frame rect", "frames => frames.map(frame => Number(frame.getAttribute('width')))"
    )
    whole = max(widths)
    assert sum(widths) - whole == pytest.approx(whole, rel=0.01)


def test_paper_shows_the_whole_graph_and_is_light(
    browser_page: Page, new_file: Path, tmp_path: Path
) -> None:
    browser_page.emulate_media(media="print", color_scheme="dark")
    open_report(browser_page, tmp_path, new_file)
    # Nothing is drawn anew for a page that is narrower than the window.
    room, right = browser_page.evaluate(
        """() => {
            document.body.style.width = '600px'
            const frames = [...document.querySelectorAll('g.frame rect')]
            const right = Math.max(...frames.map(frame => frame.getBoundingClientRect().right))
            return [document.getElementById('flame').getBoundingClientRect().right, right]
        }"""
    )
    assert right <= room + 1
    ink = browser_page.evaluate("getComputedStyle(document.body).color")
    assert sum(map(int, re.findall(r"\d+", ink))) < 200


def test_paper_shows_all_columns_and_nothing_to_press(
    browser_page: Page, old_file: Path, tmp_path: Path
) -> None:
    place = ("/srv/app/venv/lib/python3.13/site-packages/library/module.py", 1)
    traces = [trace(30_000_001, place) for _ in range(40)]
    traces += [trace(10, ("small.py", number)) for number in range(50)]
    new = write_snapshot(tmp_path / "new.ctm", traces)
    # A4 without its margins.
    browser_page.set_viewport_size({"width": 718, "height": 1000})
    open_report(browser_page, tmp_path, old_file, new)
    assert browser_page.locator("#more").is_visible()
    browser_page.emulate_media(media="print")
    room, needed = browser_page.eval_on_selector(".scroll", "e => [e.clientWidth, e.scrollWidth]")
    assert needed <= room
    for button in ("#theme", "#reset", "#more"):
        assert not browser_page.locator(button).is_visible()
