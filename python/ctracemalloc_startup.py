"""Starts tracing at interpreter start, where the command line or the environment asks for it.

`ctracemalloc.pth` imports this module, and nothing else, if it finds one of these. Its line is
compiled at every start, so it looks for these two names and no third:

- `-X ctracemalloc[=NFRAME]`, which wins over
- `CTRACEMALLOC=NFRAME` in the environment. The values are those of `-X tracemalloc` and
  `PYTHONTRACEMALLOC`: frames per traceback up to 65535, 0 is off, none (with -X) is 1.
  `CTRACEMALLOC_OUT=TEMPLATE` beside either of them writes a snapshot at exit, and
  `CTRACEMALLOC_SIGNAL=NAME` one at each such signal.

Then there may be more in `_CTRACEMALLOC`, private, as a variable or as an -X option: what
`ctracemalloc run` hands over to the program that it starts, or what a process under
`-X ctracemalloc` leaves for the children that `multiprocessing` starts, since the interpreter's
options that it passes on are a fixed list. `CTRACEMALLOC`, empty if it asks for nothing, calls for
this module there too.

The environment counts for nothing under -E and -I, nor where the process has other rights than the
user who started it. A value that cannot be used is told in one line, and the program runs untraced.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping

SWITCH = "ctracemalloc"
VARIABLE = "CTRACEMALLOC"
OUT_VARIABLE = "CTRACEMALLOC_OUT"
SIGNAL_VARIABLE = "CTRACEMALLOC_SIGNAL"
PRIVATE_SWITCH = "_ctracemalloc"
PRIVATE_VARIABLE = "_CTRACEMALLOC"

MAX_NFRAME = 65535

_AT_SECURE = 23
_AUXV_SIZE = 4096

# Where snapshots at a signal go if CTRACEMALLOC_OUT does not say.
DEFAULT_OUT = "ctracemalloc.%p.ctm"

_RUN = "run"
_FOLLOW = "follow"
_SPAWN = "spawn"
_C_SPACES = " \t\n\v\f\r"


class Request:
    """What is asked for: frames per traceback, and what to leave behind.

    `out` is the template of the path of the snapshot at exit, None for none; `top` is how many
    lines of the program are printed; `is_told` says whether to print where the snapshot went.
    `signal` names the signal that asks for a snapshot. `watch` has what `ctracemalloc run` was told
    to look for while the program runs: `every` (seconds), `growth`, `keep_bytes` (bytes), `keep`
    (files), `at_rss`; all are texts. `kinds` are those of more snapshots at exit,
    such as "peak"; `is_opened` asks for a report in a browser.
    """

    def __init__(
        self,
        nframe: int,
        out: str | None = None,
        top: int = 0,
        is_told: bool = False,
        signal: str | None = None,
        watch: dict[str, str] | None = None,
        kinds: tuple[str, ...] = (),
        is_opened: bool = False,
    ) -> None:
        self.nframe = nframe
        self.out = out
        self.top = top
        self.is_told = is_told
        self.signal = signal
        self.watch = watch or {}
        self.kinds = kinds
        self.is_opened = is_opened


def begin() -> None:
    """Start what is asked for; called once, before the program's first line."""
    global _has_begun
    if _has_begun:
        return
    _has_begun = True
    try:
        request = _take_request()
        if request is not None and request.nframe > 0:
            _start(request)
    except Exception as error:
        _say(f"{str(error) or type(error).__name__}; the program runs untraced")


def parse_nframe(text: str, name: str) -> int:
    """Read a number of frames as the interpreter reads those of `PYTHONTRACEMALLOC`."""
    digits = text.lstrip(_C_SPACES)
    sign = digits[:1] if digits[:1] in ("+", "-") else ""
    digits = digits[len(sign) :]
    if digits.isascii() and digits.isdigit() and len(digits.lstrip("0")) <= len(str(MAX_NFRAME)):
        nframe = int(sign + digits)
        if 0 <= nframe <= MAX_NFRAME:
            return nframe
    raise ValueError(
        f"{name}={text!r}: the number of frames must be 0 (off) or in range [1; {MAX_NFRAME}]"
    )


def requested_nframe() -> int | None:
    """Read -X ctracemalloc, or else CTRACEMALLOC; None if neither is given."""
    option = sys._xoptions.get(SWITCH)
    if option is True:
        return 1
    if option is not None:
        # As in the interpreter, `-X ctracemalloc=` is 0.
        return parse_nframe(option, f"-X {SWITCH}") if option else 0
    value = os.environ.get(VARIABLE) if environment_counts() else None
    # As in the interpreter, an empty variable is none.
    return parse_nframe(value, VARIABLE) if value else None


def environment_counts() -> bool:
    """Tell whether the environment may decide anything here."""
    return (
        not sys.flags.ignore_environment
        and os.geteuid() == os.getuid()
        and os.getegid() == os.getgid()
        and not _is_secure_execution()
    )


def _is_secure_execution() -> bool:
    """Tell whether the kernel gave this program rights that its user does not have (AT_SECURE)."""
    try:
        descriptor = os.open("/proc/self/auxv", os.O_RDONLY)
    except PermissionError:
        # Of a program with such rights it belongs to root.
        return True
    except OSError:
        # Nothing is mounted there.
        return False
    try:
        pairs = memoryview(os.read(descriptor, _AUXV_SIZE)).cast("L")
    finally:
        os.close(descriptor)
    return any(pairs[i] == _AT_SECURE and pairs[i + 1] != 0 for i in range(0, len(pairs) - 1, 2))


def pack_run(
    nframe: int,
    top: int,
    out: str,
    watch: dict[str, str] | None = None,
    follow: bool = False,
    kinds: tuple[str, ...] = (),
    is_opened: bool = False,
) -> str:
    """Write what `ctracemalloc run` hands over to the program that takes this process over.

    With `follow`, it is handed on to the children of the program, whose output is not printed.
    """
    # The path, which may have any character in it, comes last.
    fields = {"nframe": str(nframe), "kinds": " ".join(kinds), "open": str(int(is_opened))}
    fields.update(watch or {}, out=out)
    content = "\n".join(f"{name}={value}" for name, value in fields.items())
    return f"{_RUN}\n{os.getpid()}\n{top}\n{int(follow)}\n{content}"


def call_hook(environment: MutableMapping[str, str]) -> None:
    """Have the hook look for what is handed over to a process with this environment."""
    environment.setdefault(VARIABLE, "")


_has_begun = False


def _take_request() -> Request | None:
    kind, _, content = _take_private().partition("\n")
    if kind == _RUN:
        pid, top, follow, content = content.split("\n", 3)
        # The process that it was meant for may have passed it on to its children unread.
        if int(pid) == os.getpid():
            if int(follow):
                _leave_to_children(_FOLLOW, content)
            return _unpack(content, int(top), is_told=True)
    if kind == _FOLLOW:
        _leave_to_children(_FOLLOW, content)
        return _unpack(content, 0, is_told=False)

    counts = environment_counts()
    is_passed_on = SWITCH in sys._xoptions
    if kind == _SPAWN and not is_passed_on and _is_multiprocessing_child():
        is_passed_on = True
        nframe: int | None = parse_nframe(content, PRIVATE_VARIABLE)
    else:
        nframe = requested_nframe()
    if nframe is None:
        return None
    if is_passed_on and counts:
        _leave_to_children(_SPAWN, str(nframe))
    return Request(nframe, _variable(OUT_VARIABLE), signal=_variable(SIGNAL_VARIABLE))


def _leave_to_children(kind: str, content: str) -> None:
    os.environ[PRIVATE_VARIABLE] = f"{kind}\n{content}"
    call_hook(os.environ)


def _unpack(content: str, top: int, is_told: bool) -> Request:
    content, _, out = content.partition("\nout=")
    watch = dict(line.split("=", 1) for line in content.split("\n"))
    nframe = int(watch.pop("nframe"))
    kinds = tuple(watch.pop("kinds").split())
    # One browser is enough for a program with its children.
    is_opened = watch.pop("open") == "1" and is_told
    signal = _variable(SIGNAL_VARIABLE)
    return Request(nframe, out, top, is_told, signal, watch, kinds, is_opened)


def _variable(name: str) -> str | None:
    """Return the value of a variable; None if it is empty or counts for nothing."""
    return os.environ.get(name) or None if environment_counts() else None


def _take_private() -> str:
    """Take what was handed over, so that neither the program nor its children see it."""
    if PRIVATE_SWITCH in sys._xoptions:
        if sys.orig_argv[1] == "-X" and sys.orig_argv[2].startswith(PRIVATE_SWITCH + "="):
            del sys.orig_argv[1:3]
        private = str(sys._xoptions.pop(PRIVATE_SWITCH))
    elif environment_counts():
        private = os.environ.pop(PRIVATE_VARIABLE, "")
    else:
        private = ""
    if private and os.environ.get(VARIABLE) == "":
        # It was there for the hook.
        del os.environ[VARIABLE]
    return private


def _is_multiprocessing_child() -> bool:
    """Tell whether this process was started by the spawn or the forkserver method."""
    if "-c" not in sys.orig_argv[:-1]:
        return False
    code = sys.orig_argv[sys.orig_argv.index("-c") + 1]
    return code.startswith(("from multiprocessing.spawn ", "from multiprocessing.forkserver "))


def _start(request: Request) -> None:
    if not _is_main_interpreter():
        _install_only()
        return
    try:
        import ctracemalloc
    except ModuleNotFoundError as error:
        # Left behind by an installation that is gone.
        if error.name == "ctracemalloc":
            return
        raise
    from ctracemalloc import takeover

    ctracemalloc._load_now(_arrange_snapshots, request)
    takeover.install()
    if ctracemalloc.is_tracing():
        # With the limit of `-X tracemalloc`, which was given as well.
        ctracemalloc.stop()
    # Last, so that what was imported for it does not count.
    ctracemalloc.start(request.nframe)


def _arrange_snapshots(request: Request) -> None:
    if request.out is None and request.signal is None:
        return
    from ctracemalloc.live.target import Target

    target = Target(request.out or DEFAULT_OUT)
    watcher = None
    if request.watch:
        from ctracemalloc.live.watcher import make_watcher

        watcher = make_watcher(target, request.watch)
        watcher.start()
    if request.out is not None:
        from ctracemalloc.report.ending import Ending

        Ending(
            target,
            request.top,
            request.is_told,
            watcher,
            request.kinds,
            request.is_opened,
        ).arm()
    if request.signal is not None:
        from ctracemalloc.live.on_signal import SignalSnapshots

        SignalSnapshots(request.signal, target).arm()


def _install_only() -> None:
    """Serve a subinterpreter: the process as a whole is traced already, or is not any more."""
    try:
        from ctracemalloc import takeover
    except ImportError:
        # It may be refused where the interpreter has a GIL of its own.
        return
    takeover.install()


def _is_main_interpreter() -> bool:
    # The C part of `signal`, which itself would import `enum`.
    import _signal  # type: ignore[import-not-found]

    try:
        descriptor = _signal.set_wakeup_fd(-1)
    except ValueError:
        # It works in the main interpreter alone.
        return False
    if descriptor != -1:
        _signal.set_wakeup_fd(descriptor)
    return True


def _say(text: str) -> None:
    if sys.stderr is None:
        return
    line = f"{SWITCH}: {text}\n".encode(sys.stderr.encoding, "backslashreplace")
    try:
        # Past the buffer: what it could not get rid of would change the exit status.
        os.write(sys.stderr.fileno(), line)
    except OSError:
        # Nobody reads it, and the program is to run all the same.
        return
