"""Writes the examples in docs/examples into the pages that show them.

Above a block of code stands a comment, `<!-- example: FILE -->` or `<!-- example: FILE:PART -->`.
PART is a part of a transcript, or lines of a program: `pages.py:15-21`. The pages have the text, so
that they can be read in the repository too; a test says when it is not that of the examples.
"""

from __future__ import annotations

import re
from typing import Final

from transcripts import EXAMPLES, section_name

PAGES: Final = EXAMPLES.parent
SHOWN: Final = re.compile(
    r"^<!-- example: (?P<file>[^:\n]+?)(?::(?P<part>\S+))? -->\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINES: Final = re.compile(r"(\d+)-(\d+)")


def section(lines: list[str], name: str) -> list[str]:
    """Give the lines of a transcript's part, which ends where the next one begins."""
    names = [section_name(line) for line in lines]
    begin = names.index(name) + 1
    end = next((at for at in range(begin, len(lines)) if names[at]), len(lines))
    return lines[begin:end]


def example(file: str, part: str | None) -> str:
    """Give what a page shows of an example."""
    lines = (EXAMPLES / file).read_text(encoding="utf-8").splitlines(keepends=True)
    if part is None:
        return "".join(lines)
    if span := _LINES.fullmatch(part):
        return "".join(lines[int(span[1]) - 1 : int(span[2])])
    return "".join(section(lines, part))


def filled(page: str) -> str:
    """Give the text of a page with the examples as they are now."""

    def fill(block: re.Match[str]) -> str:
        head = page[block.start() : block.start("text")]
        return f"{head}{example(block['file'], block['part'])}```"

    return SHOWN.sub(fill, page)


if __name__ == "__main__":
    for path in PAGES.glob("*.md"):
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
