"""What goes wrong with the files of any command: one line, the right status, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import Caller
from ctracemalloc import Snapshot
from ctracemalloc.cli import COMMANDS

# How each command that reads snapshots is called: FILE is the one that is bad, OUT what it writes.
CALLS = {
    "top": "top FILE",
    "info": "info FILE",
    "tree": "tree FILE",
    "diff old": "diff FILE GOOD",
    "diff new": "diff GOOD FILE",
    "merge": "merge GOOD FILE -o OUT",
    "convert": "convert FILE -o OUT",
    "export": "export FILE --format csv -o OUT",
    "report": "report FILE -o OUT",
    "report two": "report GOOD FILE -o OUT",
}
WRITERS = [name for name in CALLS if CALLS[name].endswith("OUT")]
READS_NOTHING = {"run", "attach", "completion", "doctor"}


def words(name: str, file: Path, good: Path) -> list[str]:
    """Return what the command line is called with; OUT is beside the good file."""
    places = {"FILE": str(file), "GOOD": str(good), "OUT": str(good.parent / "out")}
    return [places.get(word, word) for word in CALLS[name].split()]


def test_no_command_is_forgotten() -> None:
    assert {call.split()[0] for call in CALLS.values()} == set(COMMANDS) - READS_NOTHING


@pytest.mark.parametrize("name", CALLS)
def test_a_missing_file(call: Caller, new: Path, name: str) -> None:
    missing = new.parent / "missing.ctm"
    done = call(*words(name, missing, new))
    command = name.split()[0]
    line = f"ctracemalloc {command}: cannot read {missing}: No such file or directory\n"
    assert done == (1, "", line)
    assert not (new.parent / "out").exists()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", ["empty", "text", "cut off"])
def test_a_file_that_is_no_snapshot(call: Caller, new: Path, name: str, kind: str) -> None:
    bad = new.parent / "bad.ctm"
    whole = new.read_bytes()
    bad.write_bytes({"empty": b"", "text": b"hello\n", "cut off": whole[: len(whole) // 2]}[kind])
    done = call(*words(name, bad, new))
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"ctracemalloc {name.split()[0]}: cannot read {bad}: ")
    assert done.err.count("\n") == 1
    assert sorted(path.name for path in new.parent.iterdir()) == ["bad.ctm", "new.ctm"]


@pytest.mark.parametrize("name", CALLS)
def test_a_file_that_may_not_be_read(
    call: Caller, new: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Not by the file's mode: root may read anything.
    def refuse(path: str) -> Snapshot:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Snapshot, "load", refuse)
    done = call(*words(name, new, new))
    line = f"ctracemalloc {name.split()[0]}: cannot read {new}: Permission denied\n"
    assert done == (1, "", line)


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupt(call: Caller, new: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def interrupt(_path: str) -> Snapshot:
        raise KeyboardInterrupt

    monkeypatch.setattr(Snapshot, "load", interrupt)
    done = call(*words(name, new, new))
    assert done == (130, "", f"ctracemalloc {name.split()[0]}: interrupted\n")
    assert [path.name for path in new.parent.iterdir()] == ["new.ctm"]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("given", ["-", "/dev/stdin", "/dev/fd/N", "/proc/self/fd/N"])
def test_a_pipe_in_the_place_of_a_file(new: Path, name: str, given: str) -> None:
    reader, writer = os.pipe()
    os.write(writer, new.read_bytes())
    # To open it anew would wait for another writer.
    os.close(writer)
    told = words(name, Path(given.replace("N", str(reader))), new)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "ctracemalloc", *told],
        stdin=reader,
        pass_fds=[reader],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(reader)
    assert (done.returncode, done.stderr) == (0, "")
    if name in WRITERS:
        assert (new.parent / "out").stat().st_size > 0
    elif name == "info":
        assert done.stdout.startswith(f"file    {told[1]}, {new.stat().st_size} B\n")
    else:
        assert "5 blocks" in done.stdout


@pytest.mark.parametrize("name", CALLS)
def test_a_fifo_in_a_folder_is_not_waited_for(call: Caller, new: Path, name: str) -> None:
    fifo = new.parent / "fifo"
    os.mkfifo(fifo)
    done = call(*words(name, fifo, new))
    reason = f"cannot read {fifo}: not a snapshot file: it is a FIFO (to read it: - < {fifo})"
    assert done == (1, "", f"ctracemalloc {name.split()[0]}: {reason}\n")


def test_a_stdin_that_is_none(new: Path) -> None:
    said = "ctracemalloc top: cannot read -: the standard input is "
    assert with_closed("<&-", "top", "-").stderr == f"{said}closed\n"
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "ctracemalloc", "top", "-"]
    done = subprocess.run(
        command, stdin=follower, capture_output=True, text=True, timeout=60, check=False
    )
    os.close(leader)
    os.close(follower)
    assert (done.returncode, done.stderr) == (1, f"{said}a terminal\n")
    with new.open("rb") as file:
        done = subprocess.run(
            command, stdin=file, capture_output=True, text=True, timeout=60, check=True
        )
    assert done.stdout.startswith("-: 85.5 KiB in 5 blocks ")


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_is_there_is_kept(call: Caller, new: Path, name: str) -> None:
    (new.parent / "out").write_text("precious", encoding="utf-8")
    done = call(*words(name, new, new))
    assert (done.status, done.out) == (1, "")
    assert "out: it is there already (--force " in done.err
    assert done.err.count("\n") == 1
    assert (new.parent / "out").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_may_not_be_written(
    call: Caller, new: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
    done = call(*words(name, new, new))
    folder = new.parent
    assert done.status == 1
    assert done.err.endswith(f"cannot write {folder / 'out'}: no permission to write to {folder}\n")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "top FILE",
        "tree FILE",
        "info FILE",
        "diff FILE FILE",
        "export FILE --format csv -o -",
        "completion zsh",
    ],
)
def test_nobody_reads_the_output(new: Path, arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    told = [str(new) if word == "FILE" else word for word in arguments.split()]
    done = subprocess.run(
        [sys.executable, "-m", "ctracemalloc", *told],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def with_closed(redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with streams closed by a shell."""
    command = f'exec "$0" -m ctracemalloc "$@" {redirections}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", [*CALLS, "doctor", "completion zsh", "--help"])
def test_a_closed_stdout(new: Path, name: str) -> None:
    told = words(name, new, new) if name in CALLS else name.split()
    done = with_closed(">&-", *told)
    assert (done.returncode, done.stderr) == (0, "")
    assert (new.parent / "out").exists() == (name in WRITERS)


def test_growth_and_a_closed_stdout(old: Path, new: Path) -> None:
    told = ("diff", str(old), str(new), "--fail-if-growth")
    assert with_closed(">&-", *told, "1GiB").returncode == 0
    done = with_closed(">&-", *told, "0")
    assert done.returncode == 1
    assert "ctracemalloc diff: memory grew by " in done.stderr


def test_a_closed_stdout_takes_no_file(new: Path) -> None:
    done = with_closed(">&-", "export", str(new), "--format", "csv", "-o", "-")
    line = "ctracemalloc export: cannot write -: the standard output is closed\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_a_closed_stderr(new: Path) -> None:
    done = with_closed("2>&-", "top", str(new.parent / "missing.ctm"))
    assert (done.returncode, done.stdout) == (1, "")
    done = with_closed("2>&-", "merge", str(new), str(new), "-o", str(new.parent / "out"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (new.parent / "out").exists()


_WAITS = """\
import sys, time
from ctracemalloc import Snapshot
from ctracemalloc.cli import main
def wait(path):
    print("reading", flush=True)
    while True:  # a signal just before a sleep would be seen after it
        time.sleep(0.01)
Snapshot.load = wait
sys.exit(main(["report", "x.ctm", "-o", "x.html"]))
"""


def test_a_key_interrupts_a_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WAITS],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "ctracemalloc report: interrupted\n")
    assert list(tmp_path.iterdir()) == []
