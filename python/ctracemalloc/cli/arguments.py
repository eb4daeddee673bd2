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

    def options_with_value(self) -> set[str]:
        """Return the names of the options that take the word behind them."""
        # argparse has no public list of its options.
        with_value = [action for action in self._actions if action.nargs != 0]
        return {name for action in with_value for name in action.option_strings}

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)
