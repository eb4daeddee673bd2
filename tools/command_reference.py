"""Writes docs/commands.md from the parsers of the commands."""

from pathlib import Path

from ctracemalloc.cli.commands import reference

if __name__ == "__main__":
    target = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
    target.write_text(reference(), encoding="utf-8")
