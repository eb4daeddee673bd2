"""Writes results as Markdown, and into a document."""

from pathlib import Path


def table(header: list[str], rows: list[list[str]], names: int = 1) -> str:
    """A table whose first columns hold names and whose others hold numbers."""
    align = ["---" if column < names else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, align, *rows])


def write_into(path: Path, name: str, text: str, script: str = "") -> None:
    """Replaces what stands between two marks; a benchmark has one script."""
    begin, end = (
        f"<!-- {name}: written by {script or f'bench/{name}/run.py'} -->",
        f"<!-- {name}: end -->",
    )
    head, has_begin, rest = path.read_text().partition(begin)
    _, has_end, tail = rest.partition(end)
    if not has_begin or not has_end:
        raise ValueError(f"{path} lacks the line {begin!r} or {end!r}")
    path.write_text(f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}")


def publish(text: str, name: str, into: Path | None) -> None:
    """Writes a benchmark's results between its marks in a document, or prints them."""
    if into is None:
        print(text, end="")
    else:
        write_into(into, name, text)
