"""numpy is loaded when tracing is on already."""

from __future__ import annotations

DOMAIN = 389047


def main() -> list[object]:
    """Import numpy and make arrays; the last entry is their number of bytes."""
    import numpy as np

    owners = [np.zeros(1000 + i) for i in range(200)]
    return [owners, sum(owner.nbytes for owner in owners)]
