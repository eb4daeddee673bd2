"""Which statistics of a churn that is not exact may say too little."""

from __future__ import annotations

from ctracemalloc._model import InexactStatistic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctracemalloc._model import Statistic

_ANY_FILE = "<given back>"
"""Under it stands what is not even known by its file."""


def mark_inexact(
    statistics: Iterable[Statistic],
    lines: Iterable[Statistic],
    key_type: str,
    cumulative: bool,
) -> None:
    """Change those that may say too little into `InexactStatistic`.

    `lines` are the statistics of the same traces by line. Of a line that was too many its file is
    known, which has line 0 then; callers are not known of any.
    """
    files = {line.traceback[-1].filename for line in lines if line.traceback[-1].lineno == 0}
    by_file = key_type in ("filename", "module")
    # Without a row that tells which, a filter has taken it out.
    all_of_them = cumulative or _ANY_FILE in files or not files
    for statistic in statistics:
        of_such_a_file = not by_file and statistic.traceback[-1].filename in files
        if all_of_them or of_such_a_file:
            statistic.__class__ = InexactStatistic
