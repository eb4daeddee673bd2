"""Takes the pictures of the report that the documentation shows, in Debian's Chromium.

The reports are those of the program that leaks: its transcript is run, and its pages are opened.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright
from transcripts import AS_SHOWN, EXAMPLES, is_as_shown, run_in, shown

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect

IMAGES: Final = EXAMPLES.parent / "images"
TRANSCRIPT: Final = EXAMPLES / "leak" / "leak.txt"
LARGEST: Final = 200_000
WIDTH: Final = 1160


def save(name: str, picture: bytes) -> None:
    """Keep a picture, if it is small enough for a repository."""
    if len(picture) > LARGEST:
        raise RuntimeError(f"{name} is larger than {LARGEST} bytes: {len(picture)}")
    (IMAGES / name).write_bytes(picture)


def with_shown_paths(report: Path) -> Path:
    """Give a copy of a report with the paths that a reader sees in place of this machine's."""
    copy = report.with_name(f"shown-{report.name}")
    text = report.read_text(encoding="utf-8")
    copy.write_text(shown(text, report.parent), encoding="utf-8")
    return copy


def take_all(browser_program: str, folder: Path) -> None:
    """Take all pictures, of reports in a folder."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_program, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(
            offline=True,
            reduced_motion="reduce",
            color_scheme="light",
            viewport={"width": WIDTH, "height": 1250},
        )
        page = context.new_page()
        page.goto(with_shown_paths(folder / "growth.html").as_uri())
        page.wait_for_selector("g.frame")
        save("report.png", page.screenshot())
        table = page.locator("#table").bounding_box()
        assert table is not None
        clip: FloatRect = {"x": 0, "y": table["y"] - 100, "width": WIDTH, "height": 340}
        save("report-table.png", page.screenshot(full_page=True, clip=clip))
        browser.close()


def main() -> int:
    """Take the pictures."""
    browser_program = shutil.which("chromium")
    if browser_program is None:
        print("pictures.py: there is no chromium here: run .ci/packages", file=sys.stderr)
        return 2
    if not is_as_shown():
        print(f"pictures.py: this is not {AS_SHOWN}: use 'make pictures'", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        run_in(Path(temporary).resolve(), TRANSCRIPT)
        take_all(browser_program, Path(temporary) / TRANSCRIPT.parent.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
