"""The reader that was written from FORMAT.md and the one in C say the same of the same files.

Of random ones, and of the snapshots of a real program in the folder `real`.

usage: test_readers.py WRITE_SAMPLES CTM_DUMP
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import read_ctm

# Of what ctm-dump prints first.
ORDER = (
    *("time_ns", "pid", "nframe", "current_bytes", "current_blocks"),
    *("peak_bytes", "dropped", "lost"),
)
REAL = sorted(Path(__file__).with_name("real").glob("*.ctm"))


def quote(text: str, escaped: str) -> str:
    """Return a text as ctm-dump prints it."""
    out = []
    for character in text:
        code = ord(character)
        if 0xD800 <= code <= 0xDFFF:
            out.append(f"\\u{code:04x}")
        elif code < 0x20 or code == 0x7F:
            out.append(f"\\x{code:02x}")
        elif character in escaped:
            out.append("\\" + character)
        else:
            out.append(character)
    return "".join(out)


def plain(value: Any) -> str:
    """Return plain data as ctm-dump prints it."""
    match value:
        case None | bool():
            return str(value)
        case int():
            length = (value if value >= 0 else ~value).bit_length() // 8 + 1
            if length <= 8:
                return str(value)
            return "0x" + value.to_bytes(length, "big", signed=True).hex()
        case float():
            return "nan" if value != value else f"{value:.17g}"
        case str():
            return '"' + quote(value, '\\"') + '"'
        case bytes():
            return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
        case list():
            return "[" + ", ".join(map(plain, value)) + "]"
        case tuple():
            return "(" + ", ".join(map(plain, value)) + ")"
        case dict():
            pairs = (f"{plain(key)}: {plain(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
    raise TypeError(value)


def dump(snapshot: read_ctm.Snapshot, found: dict[bytes, read_ctm.Cursor]) -> Iterator[str]:
    """Yield the lines that ctm-dump prints of a file."""
    yield f"kind {snapshot.kind}"
    for name in ORDER:
        yield f"{name} {snapshot.info[name]}"
    yield f"traces {sum(row.count for row in snapshot.rows)}"
    if b"ABUT" in found:
        yield "about " + plain(snapshot.about)
    if b"ATTR" in found:
        yield "attributes " + plain(snapshot.attributes)
    for row in snapshot.rows:
        total = "" if row.total_nframe is None else f", {row.total_nframe} frames in all"
        yield f"{row.count} x {row.size} bytes, domain {row.domain}{total}"
        for file, line, name in row.frames:
            text = f"    {quote(file, chr(92))}:{line}"
            yield text + (" " + quote(name, chr(92)) if name else "")


def run(*command: str | Path) -> tuple[int, str, str]:
    """Return status, output and errors of a command."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.returncode, done.stdout, done.stderr


def check_command_line(ctm_dump: str, folder: Path) -> None:
    """Check what ctm-dump does besides printing whole files."""
    sample = max(folder.glob("*-stored.ctm"), key=lambda path: path.stat().st_size)
    broken = folder / "broken"
    broken.write_bytes(sample.read_bytes()[:-1])
    whole = run(ctm_dump, sample)[1]
    head = run(ctm_dump, "-n", "1", sample)[1]
    assert whole.startswith(head), head
    assert head.count("frames in all") <= 1 < whole.count("frames in all"), head
    status, out, _ = run(ctm_dump, "-s", sample)
    assert status == 0, out
    assert [line[:4] for line in out.splitlines()][-6:] == [
        *("STRS", "FRMS", "NODS", "STKS", "ROWS", "END "),
    ], out
    for options in ((), ("-s",)):
        status, out, errors = run(ctm_dump, *options, broken)
        assert (status, out) == (1, ""), out
        assert "section END" in errors, errors
    for wrong in ((), ("-x",), ("-n", "one", sample), (sample, sample)):
        assert run(ctm_dump, *wrong)[0] == 2, wrong
    broken.unlink()


def main() -> int:
    """Write samples, read them twice, and compare."""
    write_samples, ctm_dump = sys.argv[1:]
    assert [path.stem for path in REAL] == ["churn", "live", "peak", "reuse"]
    has_zstd = read_ctm.find_decompress() is not None
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([write_samples, folder], check=True)
        check_command_line(ctm_dump, Path(folder))
        for path in [*sorted(Path(folder).iterdir()), *REAL]:
            if not path.name.endswith("-stored.ctm") and not has_zstd:
                continue
            data = path.read_bytes()
            expected = "\n".join(dump(read_ctm.read(data), read_ctm.sections(data))) + "\n"
            got = subprocess.run([ctm_dump, path], check=True, capture_output=True).stdout
            if got != expected.encode():
                print(f"{path.name}: the readers differ\n{expected}\n---\n{got.decode()}")
                return 1
            passed += 1
    if not has_zstd:
        print("NOT RUN: compressed files: this Python has no zstd module")
    print(f"{passed} passed, 0 failed")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
