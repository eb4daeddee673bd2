"""The list of seeded faults speaks of the code as it is."""

from __future__ import annotations

import sys

from tree import REPO

sys.path.insert(0, str(REPO / "tools"))
import mutate

FEWEST = 100

VERDICTS = ("found", *mutate.ARGUED)


def test_listed_faults_are_of_lines_that_there_are() -> None:
    """A line that has changed makes a fault another one, which `mutate.py --new` examines."""
    gone = mutate.listed().keys() - {fault.name for fault in mutate.all_faults()}
    assert not gone, (
        "run `make mutate`, with --new --write, or take these out of the list:\n" + "\n".join(gone)
    )


def test_listed_faults_are_found_or_cannot_be() -> None:
    """Each has a verdict: what found it, or why nothing could."""
    listed = mutate.listed()
    assert len(listed) >= FEWEST
    survivors = {
        name: verdict for name, verdict in listed.items() if not verdict.startswith(VERDICTS)
    }
    assert not survivors


def test_writing_the_list_keeps_what_was_not_examined() -> None:
    """Each examination is of a few faults, and may be of one part of the code alone."""
    before = mutate.listed()
    examined = next(fault.name for fault in mutate.drawn(seed=1) if fault.name not in before)
    written = mutate.rows(1, {examined: "found by a test"})
    assert set(written) == {
        f"{name}\t{verdict}" for name, verdict in (before | {examined: "found by a test"}).items()
    }
