"""Tables of pandas, whose hash tables are in a domain of their own."""

from __future__ import annotations

import pandas as pd

DOMAIN = 424242


def main() -> list[object]:
    """Group, join and look up; the hash tables of the indexes stay."""
    table = pd.DataFrame({"key": [i % 1000 for i in range(20_000)], "value": range(20_000)})
    sums = table.groupby("key").sum()
    joined = table.merge(sums, left_on="key", right_index=True)
    words = pd.Index([f"word {i}" for i in range(20_000)])
    # A look-up makes the index build its table.
    found = [words.get_loc(f"word {i}") for i in range(0, 20_000, 999)]
    scattered = pd.Index([(i * 7919) % 100_003 for i in range(20_000)])
    found.append(scattered.get_loc(7919))
    return [table, sums, joined, words, scattered, found, None]
