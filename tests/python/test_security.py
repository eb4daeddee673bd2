"""What SECURITY.md promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_environment import Environment, fresh_environment

WATCHED = """
import sys
seen = []
def hook(event, arguments):
    if event.startswith(("pickle.", "marshal.load", "socket.", "subprocess.", "os.system")):
        seen.append((event, str(arguments)))
    if event in ("exec", "compile") and loading:
        seen.append((event, str(arguments)))
loading = False
sys.addaudithook(hook)
import ctracemalloc as t
t.start(5)
t.install()
kept = [bytes(100 + i) for i in range(500)]
snapshot = t.take_snapshot()
snapshot.statistics("lineno"), snapshot.compare_to(snapshot, "filename")
snapshot.dump(sys.argv[1])
seen.clear()  # imports are marshalled
loading = True
for path in sys.argv[1:]:
    t.Snapshot.load(path).statistics("traceback")
print(seen)
"""


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


def test_loading_runs_nothing_and_nothing_listens(env: Environment, tmp_path: Path) -> None:
    """The interpreter's own audit sees no unpickling, no code, no socket, no process."""
    dumps = sorted((Path(__file__).parent / "dumps").glob("*.pickle"))
    assert dumps
    done = env.run("-c", WATCHED, tmp_path / "x.ctm", *dumps)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_pickle_that_would_run_code_is_refused(env: Environment, tmp_path: Path) -> None:
    path = tmp_path / "evil.pickle"
    made = tmp_path / "made"
    path.write_bytes(
        b"\x80\x04cos\nsystem\n(X%b%btR."
        % (len(f"touch {made}").to_bytes(4, "little"), f"touch {made}".encode())
    )
    code = (
        "import sys, ctracemalloc as t\n"
        "try: t.Snapshot.load(sys.argv[1])\n"
        "except t.FormatError: print('refused')"
    )
    assert env.run("-c", code, path).stdout == "refused\n"
    assert not made.exists()


def test_files_follow_the_umask(env: Environment, tmp_path: Path) -> None:
    path = tmp_path / "x.ctm"
    code = "import os, sys, ctracemalloc as t; os.umask(0o077); t.Snapshot([], 1).dump(sys.argv[1])"
    assert env.run("-c", code, path).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_link_of_another_user_in_a_shared_folder(env: Environment, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    precious = tmp_path / "precious"
    precious.write_text("old")
    link = shared / "x.ctm"
    link.symlink_to(precious)
    os.lchown(link, 12345, 12345)
    done = env.run("-c", "pass", env={"CTRACEMALLOC": "1", "CTRACEMALLOC_OUT": str(link)})
    assert done.returncode == 0
    assert "cannot write" in done.stderr
    assert precious.read_text() == "old"


@pytest.mark.parametrize(("value", "counts"), [(0, "True 5"), (1, "False None")])
def test_program_that_runs_with_more_rights_than_its_user(
    env: Environment, value: int, counts: str
) -> None:
    """The kernel's word for it (AT_SECURE) covers file capabilities, where no id differs."""
    code = (
        "import os, struct; import ctracemalloc_startup as s\n"
        f"os.read = lambda descriptor, size: struct.pack('6L', 6, 4096, 23, {value}, 0, 0)\n"
        "print(s.environment_counts(), s.requested_nframe())"
    )
    done = env.run("-c", code, env={"CTRACEMALLOC": "5"})
    assert done.stdout == f"{counts}\n", done.stderr


@pytest.fixture
def setuid_python(env: Environment) -> Iterator[Path]:
    """A copy of the environment's interpreter that is root's for whoever runs it."""
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "bin").mkdir()
        for part in ("lib", "pyvenv.cfg"):
            (folder / part).symlink_to(env.python.parents[1] / part)
        python = folder / "bin" / "python"
        shutil.copy(env.python.resolve(), python)
        python.chmod(0o4755)
        yield python


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_setuid_interpreter(env: Environment, setuid_python: Path, tmp_path: Path) -> None:
    """Whoever gets more rights by it decides nothing by variables; its owner does."""
    out = tmp_path / "x.ctm"
    code = (
        "import os, sys, ctracemalloc_startup as s\n"
        "print(os.getuid(), os.geteuid(), s.environment_counts(), 'ctracemalloc' in sys.modules)"
    )
    seen = []
    for user in (0, 12345):
        done = subprocess.run(
            [setuid_python, "-c", code],
            env=env.variables({"CTRACEMALLOC": "5", "CTRACEMALLOC_OUT": str(out)}),
            user=user,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        seen.append((done.stdout, done.stderr, out.exists()))
        out.unlink(missing_ok=True)
    if seen[1][0].startswith("12345 12345 "):
        pytest.skip("the file system knows no setuid")
    assert seen == [("0 0 True True\n", "", True), ("12345 0 False False\n", "", False)]


def test_auxiliary_vector_that_cannot_be_read(env: Environment) -> None:
    """That of a privileged process belongs to root: who cannot read it, is one."""
    code = (
        "import os; import ctracemalloc_startup as s\n"
        "def refuse(*arguments): raise PermissionError\n"
        "os.open = refuse\n"
        "print(s.environment_counts())"
    )
    assert env.run("-c", code).stdout == "False\n"
