"""Snapshots and statistics as HTML for the cells of a notebook: a table, a picture.

Everything that comes from a program is escaped. Nothing is fetched, and nothing is executed.
"""

from __future__ import annotations

import html
import zlib
from collections.abc import Callable, Iterable, Sequence

from ctracemalloc import Frame, Snapshot, Statistic, StatisticDiff
from ctracemalloc._text import count_of, human_size, printable
from ctracemalloc._tree import Tree
from ctracemalloc.report.amounts import added, added_diffs, amounts, changes
from ctracemalloc.report.colours import TINTS
from ctracemalloc.report.places import NO_TRACEBACK

# Turns a file's name into what people know it by.
Label = Callable[[str], str]

MOST_ROWS = 10

_WIDTH = 900
_ROW = 17
_MOST_LEVELS = 24
_MOST_BOXES = 400
# In pixels: narrower boxes and texts cannot be seen.
_LEAST_BOX = 2.0
_LEAST_TEXT = 30.0
_LETTER = 6.2


def snapshot_html(snapshot: Snapshot) -> str:
    """Show a snapshot: its total, its largest lines, its calls as an icicle."""
    statistics = snapshot.statistics("lineno")
    total = added(statistics)
    heading = f"<p><b>{human_size(total.size)}</b> in {count_of(total.count, 'block')}</p>"
    return f"<div>{heading}{statistics_html(statistics)}{icicle_svg(snapshot.tree())}</div>"


def statistics_html(
    statistics: Sequence[Statistic], label: Label = str, limit: int = MOST_ROWS
) -> str:
    """Show the first statistics as a table, and the others as one row."""
    whole = added(statistics).size
    rows = [
        (*amounts(statistic, whole), _place(statistic, label)) for statistic in statistics[:limit]
    ]
    if others := statistics[limit:]:
        rows.append((*amounts(added(others), whole), f"{len(others):,} more"))
    return _table(("size", "blocks", "share", "place"), rows)


def statistic_html(statistic: Statistic) -> str:
    """Show one statistic as a table of one row."""
    average = human_size(statistic.size / statistic.count) if statistic.count else ""
    cells = (human_size(statistic.size), f"{statistic.count:,}", average)
    place = _place(statistic, str)
    return _table(("size", "blocks", "average", "place"), [(*cells, place)])


def diffs_html(diffs: Sequence[StatisticDiff], label: Label = str, limit: int = MOST_ROWS) -> str:
    """Show the first differences as a table, and the others as one row."""
    rows = [(*changes(diff), _place(diff, label)) for diff in diffs[:limit]]
    if others := diffs[limit:]:
        growth, blocks, _ = changes(added_diffs(others))
        rows.append((growth, blocks, "", f"{len(others):,} more"))
    return _table(("growth", "blocks", "size now", "place"), rows)


def icicle_svg(tree: Tree, label: Label = str) -> str:
    """Draw the calls from the oldest frame, at the top, down; a box is as wide as its bytes.

    What is narrower than can be seen is left out, and so is what is deeper than fits.
    """
    columns = tree.columns()
    total = columns.size[0]
    if total == 0:
        return ""
    boxes: list[str] = []
    levels = 0
    # (node, its level, the left edge of its first child)
    pending = [(0, 0, 0.0)]
    while pending and len(boxes) < _MOST_BOXES:
        node, level, left = pending.pop(0)
        child = node + 1
        while child < columns.end[node] and len(boxes) < _MOST_BOXES:
            width = columns.size[child] / total * _WIDTH
            if width < _LEAST_BOX:
                # Its siblings after it are no larger.
                break
            frame = tree.frames[columns.frame[child]]
            title = f"{human_size(columns.size[child])}, {columns.size[child] / total:.1%}"
            boxes.append(_box(frame, label, title, (left, level * _ROW, width)))
            levels = max(levels, level + 1)
            if level + 1 < _MOST_LEVELS:
                pending.append((child, level + 1, left))
            left += width
            child = columns.end[child]
    size = f'viewBox="0 0 {_WIDTH} {levels * _ROW}" width="100%" style="max-width:{_WIDTH}px"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="calls by memory" {size} '
        f'font-family="sans-serif" font-size="11">{"".join(boxes)}</svg>'
    )


def _box(frame: Frame, label: Label, about: str, at: tuple[float, int, float]) -> str:
    left, top, width = at
    place = f"{label(frame.filename)}:{frame.lineno}"
    name = frame.name or place
    colour = TINTS[zlib.crc32(frame.filename.encode("utf-8", "replace")) % len(TINTS)]
    text = ""
    if width >= _LEAST_TEXT:
        letters = int(width / _LETTER)
        shown = name if len(name) <= letters else name[: letters - 1] + "…"
        text = f'<text x="{left + 3:.1f}" y="{top + 12}" fill="#000">{_escape(shown)}</text>'
    return (
        f"<g><title>{_escape(f'{name} ({place}): {about}')}</title>"
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_ROW - 1}" '
        f'fill="{colour}" stroke="#fff" stroke-width="0.5"/>{text}</g>'
    )


def _place(statistic: Statistic | StatisticDiff, label: Label) -> str:
    """Name the newest frame; the others are one line each below it."""
    frames = list(reversed(statistic.traceback))
    if not frames:
        return NO_TRACEBACK
    return "\n".join(
        label(frame.filename) if frame.lineno == 0 else f"{label(frame.filename)}:{frame.lineno}"
        for frame in frames
    )


def _table(names: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:right">{_escape(cell)}</td>' for cell in row[:-1])
        + f'<td style="text-align:left;white-space:pre-wrap">{_escape(row[-1])}</td></tr>'
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _escape(text: str) -> str:
    lines = (printable(line) for line in text.split("\n"))
    return html.escape("\n".join(lines))
