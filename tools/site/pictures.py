"""Takes the pictures of the report that the documentation shows, in Debian's Chromium.

The reports are those of the program that leaks: its transcript is run, and its pages are opened.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright
from transcripts import AS_SHOWN, EXAMPLES, is_as_shown, run_in, shown

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Page

IMAGES: Final = EXAMPLES.parent / "images"
TRANSCRIPT: Final = EXAMPLES / "leak" / "leak.txt"
LARGEST: Final = 200_000
WIDTH: Final = 1160
ENCODE: Final = """
async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.9);
}
"""


def save(page: Page, name: str, png: bytes) -> None:
    """Keep a picture as WebP, which the browser encodes, if it is small enough for a repository."""
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    encoded = page.evaluate(ENCODE, url).partition(",")[2]
    picture = base64.b64decode(encoded)
    if len(picture) > LARGEST:
        raise RuntimeError(f"{name} is larger than {LARGEST} bytes: {len(picture)}")
    (IMAGES / name).write_bytes(picture)


def with_shown_paths(report: Path) -> Path:
    """Give a copy of a report with the paths that a reader sees in place of this machine's."""
    copy = report.with_name(f"shown-{report.name}")
    text = report.read_text(encoding="utf-8")
    copy.write_text(shown(text, report.parent), encoding="utf-8")
    return copy


def top_of(page: Page, selector: str) -> float:
    """Give where a part of a page begins."""
    box = page.locator(selector).bounding_box()
    assert box is not None, f"the report has no {selector} to be seen"
    return box["y"]


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
            viewport={"width": WIDTH, "height": 1000},
        )
        encoder = context.new_page()
        page = context.new_page()
        page.goto(with_shown_paths(folder / "growth.html").as_uri())
        page.wait_for_selector("g.frame")
        for name, top, bottom in (
            ("report.webp", 0, top_of(page, "#flame") + 420),
            ("report-table.webp", top_of(page, "#table") - 110, top_of(page, "#table") + 190),
        ):
            clip: FloatRect = {"x": 0, "y": top, "width": WIDTH, "height": bottom - top}
            save(encoder, name, page.screenshot(full_page=True, clip=clip))
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
