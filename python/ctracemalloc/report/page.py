"""The HTML report: one file that needs nothing else, not even the network."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from ctracemalloc import DomainFilter, Snapshot, domain_name
from ctracemalloc._about import said_of
from ctracemalloc._snapshot import as_table
from ctracemalloc.report.flame import Labels, flame_columns
from ctracemalloc.report.groups import total_of
from ctracemalloc.report.lines import line_rows
from ctracemalloc.report.opening import MARK
from ctracemalloc.report.series import moment_of, series_of
from ctracemalloc.report.text import human_size

MOST_DOMAINS = 8


@dataclass(frozen=True)
class Item:
    """One fact of the summary."""

    title: str
    text: str
    kind: str = ""


def build_page(
    title: str, snapshots: Sequence[Snapshot], names: Sequence[str], *, with_source: bool
) -> str:
    """Return the page for one snapshot, for two that are compared, or for a series.

    A series is shown as its last snapshot, compared with the first, and a time line.
    """
    snapshot = snapshots[-1]
    old = snapshots[0] if len(snapshots) > 1 else None
    labels = Labels()
    trees = []
    folded_frames = folded_size = 0
    for name, part, old_part in _by_domain(snapshot, old):
        callers, folded = flame_columns(part, old_part, labels, inverted=False)
        callees, _ = flame_columns(part, old_part, labels, inverted=True)
        trees.append({"name": name, "callers": callers, "inverted": callees})
        folded_frames = max(folded_frames, folded.frames)
        folded_size = max(folded_size, folded.size)
    lines, lines_left_out = line_rows(snapshot, old, with_source=with_source)
    data: dict[str, Any] = {
        "title": "all",
        "labels": labels.texts,
        "modules": labels.modules,
        "moduleOf": labels.module_of,
        "trees": trees,
        "lines": lines,
        "compared": old is not None,
        "series": series_of(snapshots) if len(snapshots) > 2 else None,
    }
    return _template().render(
        mark=Markup(MARK),
        title=title,
        names=names,
        compared=old is not None,
        series=len(snapshots) > 2,
        several_domains=len(trees) > 1,
        summary=_summary(snapshot, old),
        folded_frames=folded_frames,
        folded_size=human_size(folded_size),
        lines_left_out=lines_left_out,
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
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_static("page.html"))


def _by_domain(
    snapshot: Snapshot, old: Snapshot | None
) -> list[tuple[str, Snapshot, Snapshot | None]]:
    """Return everything, and where there are several domains, each of the first ones alone."""
    parts: list[tuple[str, Snapshot, Snapshot | None]] = [("all domains", snapshot, old)]
    domains = _domains(snapshot) | (_domains(old) if old else set())
    if len(domains) > 1:
        for domain in sorted(domains)[:MOST_DOMAINS]:
            only = [DomainFilter(True, domain)]
            old_part = None if old is None else old.filter_traces(only)
            parts.append((domain_name(domain), snapshot.filter_traces(only), old_part))
    return parts


def _domains(snapshot: Snapshot) -> set[int]:
    table = as_table(snapshot.traces._traces)
    if table is None:
        return {trace[0] for trace in snapshot.traces._traces}
    return {trace[0] for trace, _ in table.rows()}


def _summary(snapshot: Snapshot, old: Snapshot | None) -> list[Item]:
    total = total_of(snapshot)
    items = [Item("Live now", human_size(total.size)), Item("Blocks", f"{total.count:,}")]
    if old is not None:
        change = total.size - total_of(old).size
        items.insert(1, Item("Change", f"{'+' if change > 0 else ''}{human_size(change)}"))
    table = as_table(snapshot.traces._traces)
    if table is None:
        return items
    info = table.info()
    about = said_of(table)
    if info["peak_bytes"]:
        items.append(Item("Peak", human_size(info["peak_bytes"])))
    items.append(Item("Frames a trace", f"{snapshot.traceback_limit:,}"))
    if about.get("python"):
        items.append(Item("Python", about["python"]))
    if about.get("host"):
        items.append(Item("Host", about["host"]))
    if info["pid"]:
        items.append(Item("Process", str(info["pid"])))
    if info["time_ns"]:
        taken = datetime.fromtimestamp(moment_of(snapshot), UTC)
        items.append(Item("Taken", taken.strftime("%F %T UTC"), "small"))
    missing = info["dropped"] + info["lost"]
    if missing:
        items.append(Item("Traces missing", f"{missing:,}", "warning"))
    if about.get("command"):
        items.append(Item("Command", shlex.join(about["command"]), "wide"))
    items += [Item(name, text, "small") for name, text in about.get("labels", {}).items()]
    return items
