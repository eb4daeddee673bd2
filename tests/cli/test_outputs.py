"""What is there already under the name of a file that a command writes."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cli_support import MAIN, Caller, dump
from ctracemalloc import Snapshot
from ctracemalloc.cli import export

CALLS = {
    "merge": ("merge", "FILE"),
    "convert": ("convert", "FILE", "--to", "ctm"),
    "export": ("export", "FILE", "--format", "csv"),
    "report": ("report", "FILE"),
}


def words(name: str, source: Path, output: Path | str, *more: str) -> list[str]:
    told = [str(source) if word == "FILE" else word for word in CALLS[name]]
    return [*told, "-o", str(output), *more]


@pytest.mark.parametrize("name", CALLS)
def test_a_link_keeps_its_place(call: Caller, new: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "target"
    target.write_text("old")
    (tmp_path / "folder" / "inner").symlink_to("target")
    link = tmp_path / "link"
    link.symlink_to("folder/inner")
    assert "link: it is there already" in call(*words(name, new, link)).err
    assert target.read_text() == "old"
    assert call(*words(name, new, link, "--force")).status == 0
    assert link.readlink() == Path("folder/inner")
    assert target.stat().st_size > 100
    assert sorted(path.name for path in target.parent.iterdir()) == ["inner", "target"]


def test_a_link_that_leads_nowhere(call: Caller, new: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("absent")
    (tmp_path / "circle").symlink_to("circle")
    for name, said in (("link", "No such file"), ("circle", "Too many levels")):
        done = call(*words("merge", new, tmp_path / name, "--force"))
        assert done.status == 1
        assert done.err.startswith(f"ctracemalloc merge: cannot write {tmp_path / name}: {said}")
    assert (tmp_path / "link").is_symlink()
    assert not (tmp_path / "absent").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_another_user_left_in_a_shared_folder(call: Caller, new: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    precious = tmp_path / "precious"
    precious.write_text("old")
    (shared / "link").symlink_to(precious)
    os.mkfifo(shared / "fifo")
    for name in ("link", "fifo"):
        os.lchown(shared / name, 12345, 12345)
        done = call(*words("merge", new, shared / name, "--force"))
        assert done.status == 1
        assert "it is another user's, in a folder that all may write to" in done.err
    assert precious.read_text() == "old"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("name", [*CALLS, "dump"])
def test_a_stranger_does_not_get_what_takes_a_files_place(
    call: Caller, new: Path, tmp_path: Path, name: str
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    out = shared / "out"
    # In a folder of the caller's own the owner stays, which is what makes the other a test.
    for mode, owner, rights in ((0o755, 65534, 0o600), (0o1777, os.geteuid(), 0o644)):
        shared.chmod(mode)
        out.unlink(missing_ok=True)
        out.touch(0o600)
        os.chown(out, 65534, 65534)
        umask = os.umask(0o022)
        try:
            if name == "dump":
                Snapshot.load(new).dump(out)
            else:
                assert call(*words(name, new, out, "--force")).status == 0
        finally:
            os.umask(umask)
        found = out.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (owner, owner, rights)
        assert found.st_size > 0


@pytest.mark.parametrize("name", CALLS)
def test_a_path_that_cannot_be(call: Caller, new: Path, tmp_path: Path, name: str) -> None:
    long = tmp_path / ("n" * 256)
    done = call(*words(name, new, long))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"ctracemalloc {name}: cannot write {long}: File name too long\n"


@pytest.mark.parametrize("name", ["convert", "export"])
def test_half_a_file_takes_no_place(
    call: Caller, new: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(*given: object, **named: object) -> None:
        for file in given:
            if hasattr(file, "write"):
                file.write(b"half")
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("ctracemalloc.cli.convert.pickle.dump", write_half)
    monkeypatch.setitem(export._WRITERS, "csv", write_half)
    out = tmp_path / "out"
    out.write_text("old")
    calls = {"convert": ["convert", str(new), "--to", "pickle", "-o", str(out), "--force"]}
    done = call(*calls.get(name, words("export", new, out, "--force")))
    assert done.status == 1
    assert done.err == f"ctracemalloc {name}: cannot write {out}: no room\n"
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path != new] == ["out"]


@pytest.mark.parametrize("name", CALLS)
def test_rights_stay(call: Caller, new: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.touch()
    for mode in (0o600, 0o664):
        out.chmod(mode)
        assert call(*words(name, new, out, "--force")).status == 0
        assert out.stat().st_mode & 0o7777 == mode
        assert out.stat().st_size > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_owner_stays(call: Caller, new: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.touch(0o600)
    os.chown(out, 12345, 12346)
    assert call(*words("merge", new, out, "--force")).status == 0
    assert (out.stat().st_uid, out.stat().st_gid) == (12345, 12346)


def test_a_fifo_is_written_to(call: Caller, new: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    assert call(*words("merge", new, fifo)).status == 0
    reader.join(60)
    assert read[0][:4] == b"\x89CTM"
    assert fifo.is_fifo()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", ["stdout", "fd/1"])
def test_a_name_of_stdout(new: Path, tmp_path: Path, name: str) -> None:
    # Not by /dev itself, which a failure would damage.
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    (tmp_path / "fd").symlink_to("/proc/self/fd")
    out = tmp_path / "out"

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ctracemalloc", *words("merge", new, name, *more)]
        with out.open("w") as stdout:
            return subprocess.run(
                command,
                cwd=tmp_path,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )

    done = run()
    assert (done.returncode, out.stat().st_size) == (1, 0)
    remedy = "(--force writes over it, -o - writes to stdout)"
    line = f"ctracemalloc merge: cannot write {name}: it is there already {remedy}\n"
    assert done.stderr == line
    done = run("--force")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(Snapshot.load(out).traces) == len(Snapshot.load(new).traces)
    assert (tmp_path / "stdout").readlink() == Path("/proc/self/fd/1")


@pytest.mark.parametrize("form", ["json", "speedscope", "csv", "collapsed"])
def test_an_unbuffered_stdout_takes_all_or_fails(new: Path, tmp_path: Path, form: str) -> None:
    many = dump(
        tmp_path, "many.ctm", [(0, i, ((f"{i:0500}.py", 1), MAIN), 2) for i in range(1, 400)]
    )
    options = ("--format", form, "-o", "-")
    command = [sys.executable, "-m", "ctracemalloc", "export", str(many), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    plain = subprocess.run(command, check=True, capture_output=True, timeout=60)
    whole = subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    assert len(plain.stdout) > 100_000
    assert (whole.stdout, whole.stderr) == (plain.stdout, b"")
    # A file that may not grow takes a part of a write.
    limited = (
        f"ulimit -f 64; trap '' XFSZ; exec {shlex.join(map(str, command))} > {tmp_path / 'part'}"
    )
    done = subprocess.run(
        ["bash", "-c", limited], check=False, capture_output=True, timeout=60, env=environment
    )
    assert (tmp_path / "part").stat().st_size == 64 * 1024
    assert (done.returncode, done.stderr) == (
        1,
        b"ctracemalloc export: the standard output: File too large\n",
    )
    closed = f"{shlex.join(map(str, command))} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", closed], check=False, capture_output=True, timeout=60, env=environment
    )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_report_on_stdout_is_the_page_alone(call: Caller, new: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    command = [sys.executable, "-m", "ctracemalloc", "report", str(new), "--no-source", "-o"]
    page = tmp_path / "page.html"
    assert call("report", new, "--no-source", "-o", page).out == f"report written to {page}\n"
    for output in ("-", "/dev/stdout", "/proc/self/fd/1"):
        done = subprocess.run([*command, output], check=True, capture_output=True, timeout=60)
        assert (done.stdout, done.stderr) == (page.read_bytes(), b"")
        done = subprocess.run(
            [*command, output, "--open"], check=False, capture_output=True, timeout=60
        )
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"--open needs a file" in done.stderr
