"""The HTML report: one file that needs nothing else, not even the network."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from ctracemalloc import DomainFilter, Frame, Snapshot, domain_name
from ctracemalloc._about import said_of
from ctracemalloc._snapshot import as_table
from ctracemalloc._text import count_of, human_size, printable
from ctracemalloc.report.colours import palette
from ctracemalloc.report.domains import totals_by_domain
from ctracemalloc.report.exactness import doubt_about
from ctracemalloc.report.flame import MOST_LEVELS, SMALLEST_SHARE, flame_columns
from ctracemalloc.report.groups import filtered, total_of
from ctracemalloc.report.labels import Labels
from ctracemalloc.report.lines import line_columns
from ctracemalloc.report.opening import MARK
from ctracemalloc.report.series import moment_of, series_of
from ctracemalloc.report.source import excerpt

MOST_DOMAINS = 8
# What the bytes of a snapshot are, by its kind.
_SIZE_TITLES = {
    "live": "Live now",
    "peak": "Live at the peak",
    "churn": "Ever allocated",
    "reuse": "Reused",
}
# Lines before and after one, and how long they may be.
_CONTEXT = 3
_SOURCE_WIDTH = 160
# Characters of source in a page.
_MOST_SOURCE = 1_000_000


@dataclass(frozen=True)
class Item:
    """One fact of the summary."""

    title: str
    text: str
    kind: str = ""


class _View(NamedTuple):
    """What is looked at together: everything, or some domains."""

    name: str
    snapshot: Snapshot
    old: Snapshot | None


def build_page(
    title: str,
    snapshots: Sequence[Snapshot],
    names: Sequence[str],
    *,
    with_source: bool,
    domains: Collection[int] = (),
) -> str:
    """Return the page for one snapshot, for two that are compared, or for a series.

    A series is shown as its last snapshot, compared with the first, and a time line. `domains` are
    those that the snapshots were narrowed to, if they were.
    """
    snapshot = snapshots[-1]
    old = snapshots[0] if len(snapshots) > 1 else None
    labels = Labels()
    views = []
    sources: dict[int, dict[int, str]] = {}
    without_source = 0
    folded_frames = folded_size = 0
    only = ", ".join(domain_name(domain) for domain in sorted(domains))
    for number, (name, part, old_part) in enumerate(_views(snapshot, old, only)):
        callers, folded = flame_columns(part, old_part, labels, inverted=False)
        inverted, _ = flame_columns(part, old_part, labels, inverted=True)
        lines = line_columns(part, old_part, labels)
        view = {"callers": callers, "inverted": inverted, "lines": lines.columns}
        views.append({"name": printable(name), **view, "linesLeftOut": lines.left_out})
        folded_frames = max(folded_frames, folded.frames)
        folded_size = max(folded_size, folded.size)
        if number == 0 and with_source:
            sources, without_source = _sources(lines.frames, labels)
    data: dict[str, Any] = {
        **labels.columns(),
        "views": views,
        "sources": sources,
        "compared": old is not None,
        "series": series_of(snapshots) if len(snapshots) > 2 else None,
        "colours": palette(),
    }
    return _template().render(
        mark=Markup(MARK),
        title=title,
        names=names,
        compared=old is not None,
        series=len(snapshots) > 2,
        several_domains=len(views) > 1,
        modules=len(data["modules"]),
        summary=_summary(snapshot, old, only),
        smallest=f"{SMALLEST_SHARE:.1%}",
        levels=f"{MOST_LEVELS:,}",
        folded=f"{count_of(folded_frames, 'frame')}" if folded_frames else "",
        folded_size=human_size(folded_size),
        without_source=count_of(without_source, "line") if without_source else "",
        style=Markup(_static("report.css").replace("</", r"<\/")),
        script=Markup(_static("report.js").replace("</script", r"<\/script")),
        data=Markup(json_for_script(data)),
    )


def json_for_script(data: Any) -> str:
    """Write JSON that can stand inside a script element: nothing in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _static(name: str) -> str:
    return (files("ctracemalloc.report") / "static" / name).read_text(encoding="utf-8")


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.from_string(_static("page.html"))


def _shown(value: object) -> object:
    """Escape what is not printable in a text of the page; what is marked up is ours."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _views(snapshot: Snapshot, old: Snapshot | None, only: str) -> list[_View]:
    """Return everything, and where there are several domains, the largest ones each alone."""
    everything = _View(only or "all domains", snapshot, old)
    sizes: dict[int, int] = {}
    for part in (snapshot, old):
        for domain, total in ({} if part is None else totals_by_domain(part)).items():
            sizes[domain] = max(total.size, sizes.get(domain, 0))
    if len(sizes) <= 1:
        return [everything]
    largest = sorted(sizes, key=lambda domain: (-sizes[domain], domain))
    alone = largest if len(largest) <= MOST_DOMAINS else largest[: MOST_DOMAINS - 1]
    views = [everything, *(_only(everything, {domain}) for domain in alone)]
    if len(alone) < len(largest):
        views.append(_only(everything, set(largest[len(alone) :])))
    return views


def _only(view: _View, domains: set[int]) -> _View:
    name = f"{len(domains)} others" if len(domains) > 1 else domain_name(*domains)
    filters = [DomainFilter(True, domain) for domain in domains]
    old = None if view.old is None else filtered(view.old, filters)
    return _View(name, filtered(view.snapshot, filters), old)


def _sources(
    frames: Iterable[Frame | None], labels: Labels
) -> tuple[dict[int, dict[int, str]], int]:
    """Return lines of source by the numbers of their files, and how many frames have none of theirs
    because it would be too much.
    """
    sources: dict[int, dict[int, str]] = {}
    left = _MOST_SOURCE
    without = 0
    for frame in frames:
        lines = {} if frame is None else excerpt(frame, _CONTEXT, _SOURCE_WIDTH)
        if frame is None or not lines:
            continue
        if left <= 0:
            without += 1
            continue
        known = sources.setdefault(labels.file(frame), {})
        left -= sum(len(line) for number, line in lines.items() if number not in known)
        known.update((number, printable(line)) for number, line in lines.items())
    return sources, without


def _summary(snapshot: Snapshot, old: Snapshot | None, only: str) -> list[Item]:
    total = total_of(snapshot)
    items = [
        Item(_SIZE_TITLES[snapshot.kind], human_size(total.size)),
        Item("Blocks", f"{total.count:,}"),
    ]
    if old is not None:
        change = total.size - total_of(old).size
        items.insert(1, Item("Change", f"{'+' if change > 0 else ''}{human_size(change)}"))
    if only:
        items.append(Item("Domains", only))
    table = as_table(snapshot.traces._traces)
    if table is None:
        return items
    info = table.info()
    about = said_of(table)
    # The peak is of all domains together.
    if info["peak_bytes"] and not only:
        items.append(Item("Peak", human_size(info["peak_bytes"])))
    missing = info["dropped"] + info["lost"]
    if missing or info["time_ns"]:
        # What was made by hand misses nothing.
        kind = "warning" if missing else ""
        items.append(Item("Traces missing", f"{missing:,}", kind))
    if doubt := doubt_about(snapshot) or ("" if old is None else doubt_about(old)):
        items.append(Item("May be wrong", doubt, "warning"))
    items.append(Item("Frames a trace", f"{snapshot.traceback_limit:,}"))
    if about.get("python"):
        items.append(Item("Python", about["python"]))
    if about.get("host"):
        items.append(Item("Host", about["host"]))
    if info["pid"]:
        items.append(Item("Process", str(info["pid"])))
    if info["time_ns"]:
        taken = datetime.fromtimestamp(moment_of(snapshot), UTC)
        items.append(Item("Taken", taken.strftime("%F %T UTC"), "small moment"))
    if about.get("command"):
        items.append(Item("Command", shlex.join(about["command"]), "wide"))
    items += [Item(name, text, "small") for name, text in about.get("labels", {}).items()]
    return items
