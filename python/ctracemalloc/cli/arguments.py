"""The parser of a command's options."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ctracemalloc.cli.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Keeps the lines of its texts as they are, takes no abbreviation, and raises `UsageError`."""

    def __init__(
        self, prog: str, description: str, usage: str | None = None, epilog: str | None = None
    ) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)
