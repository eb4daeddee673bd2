# mypy: ignore-errors
"""Run by test_faults.py: refuses each piece of memory that a cold function asks for.

    cold.py KIND FIRST EVERY DUMP OPERATION

KIND is what is refused, one piece at a time: `pages` of the system and `blocks` of the C library,
both with refuse.c preloaded, or Python's `objects`. Of the pieces the FIRST so many are refused,
and each EVERYth of the others. DUMP is one of stdlib's. Prints how many pieces there were, and how
many of the attempts raised.
"""

# start() imports it, and 3.13 writes over memory where it has none for an object of importlib's.
import atexit  # noqa: F401
import ctypes
import gc
import itertools
import os
import pickle
import sys
import tempfile
import warnings
from pathlib import Path

import ctm_native as native
import ctracemalloc as t
from ctracemalloc import _engine as engine
from ctracemalloc._filters import engine_spec

RAW, MEM, OBJ = 0, 1, 2
LINES = 50
PASSES = 3
SIZES = range(7_000, 7_000 + LINES)

source = "\n".join(f"kept.append(native.malloc({i % 3}, {7_000 + i}))" for i in range(LINES))
code = compile(source, "lines", "exec")
kept = []


def allocate():
    exec(code, {"native": native, "kept": kept})


def release():
    for i, block in enumerate(kept):
        native.free(i % LINES % 3, block)
    kept.clear()


def ours():
    """The lines' blocks: (size, line)."""
    found = [(size, frames[0]) for _, size, frames, _ in t._get_traces()]
    return sorted((size, line) for size, (name, line) in found if name == "lines" and size in SIZES)


def expect(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        pass
    else:
        raise AssertionError(function, arguments)


def dump_and_load():
    before.dump(path)
    assert t.Snapshot.load(path).traces == before.traces


def walk():
    traces = before.traces
    assert len(list(traces)) == len(traces)
    assert traces[0] in traces
    assert traces[1:3] == (traces[1], traces[2])


def take():
    for kind in ("now", "peak", "churn", "reuse"):
        t.take_snapshot(at=kind)


def read_counters():
    t.get_traced_memory(), t.get_tracemalloc_memory(), t.get_traceback_limit()
    t.get_dropped(), t.get_lost(), t.is_churn_exact(), t.is_tracing()
    t.reset_peak(), t.reset_churn()


def group():
    for key in ("lineno", "filename", "traceback"):
        before.statistics(key)
    before.statistics("lineno", cumulative=True)
    before.statistics("filename", cumulative=True)


def compare():
    for key in ("lineno", "filename", "traceback"):
        diffs = [diff.size_diff for diff in before.compare_to(before, key)]
        assert not any(diffs)
    before.compare_to(after, "lineno", cumulative=True)


def filter_all():
    filters = [t.Filter(True, "lin*"), t.Filter(False, "nothing", 3), t.DomainFilter(True, 0)]
    assert len(before.filter_traces(filters).traces) == len(before.traces)
    before.filter_traces([t.Filter(False, "lines", all_frames=True)])


def build():
    rebuilt = t.Snapshot(plain, 5)
    assert rebuilt.statistics("filename") == before.statistics("filename")


def write_and_read():
    table.write(path, attributes, False)
    engine.SnapshotTable.read(path)
    engine.SnapshotTable.decode(table.encode(attributes))
    engine.SnapshotTable.decode(dumped)
    for wrong in (object(), [[[2**2_000, object()]]], {1: object()}):
        expect(ValueError, table.encode, {"k" * 300: wrong})
    expect(t.FormatError, engine.SnapshotTable.decode, keys_alike)
    table.with_about(attributes)
    table.about()
    table.__reduce__()


def compute():
    table.statistics("traceback", False)
    table.statistics("filename", True)
    table.compare(other, "lineno", False)
    table.tree("lineno", False)
    table.filter(specs)
    table.select(b"\1" * rows)
    engine.SnapshotTable.merge([table, other], attributes)


def enumerate_all():
    list(table.rows())
    list(table.named_rows())
    table[1:9], table.copy(), table.domains(), table.info(), repr(table)
    plain[1] in table, table == other, table == plain
    engine.SnapshotTable(plain)
    engine.module_name("/a/b/c.py"), engine._hooks_info(), engine._tables_info()
    engine._mappings()
    engine._get_object_traceback(traced_objects[1])


def save_and_follow():
    """Each way that they end, by paths that show in the bytes that are traced."""
    link = str(deep / "link")
    for place in (link, link.encode()):
        engine._save(place, os.fstat)
        engine._follow_path(place)
    endings = [
        (FileNotFoundError, engine._follow_path, str(deep / "nowhere")),
        (IsADirectoryError, engine._save, str(deep), os.fstat),
        (NotADirectoryError, engine._save, link, os.fchdir),
    ]
    if os.geteuid() == 0:
        endings += [(PermissionError, engine._follow_path, str(shared / "trap"))] * 3
    for ending in endings:
        expect(*ending)


def merge():
    if kind_name == "objects" and sys.version_info >= (3, 12):
        # The interpreter frees too much where it has no memory for a generator.
        engine.SnapshotTable.merge([table, other], attributes)
    else:
        t.Snapshot.merge(before, after, before)


def track():
    for i in range(3_000):
        t.track(77 + i % 3, 4096 * i, 100)


def name():
    t.name_domain(77, "some name")
    assert t.domain_name(77) == "some name"
    t.take_snapshot().dump(path)
    t.Snapshot.load(path)


def begin():
    t.stop()
    t.start(5)


READING = {
    "take_snapshot": take,
    "get_traces": t._get_traces,
    "walk": walk,
    "statistics": group,
    "compare_to": compare,
    "filter_traces": filter_all,
    "merge": merge,
    "tree": lambda: (before.tree(), before.tree(by="filename", inverted=True)),
    "dump": dump_and_load,
    "load_pickle": lambda: t.Snapshot.load(stdlib_dump).statistics("lineno"),
    "pickle": lambda: pickle.loads(pickle.dumps(before)),
    "build": build,
    "get_object_traceback": lambda: [t.get_object_traceback(item) for item in traced_objects],
    "counters": read_counters,
    "name_domain": name,
}
# Of the extension alone: with no code in Python that could leak where it has no memory.
PURE = {
    "write_and_read": write_and_read,
    "compute": compute,
    "enumerate": enumerate_all,
    "save_and_follow": save_and_follow,
}
CHANGING = {"start": begin, "stop": t.stop, "clear_traces": t.clear_traces, "track": track}


class Pages:
    """Those that the tracer asks of the system."""

    errors = MemoryError

    def refuse(self, nth):
        library.refuse_pages(nth, 1)

    def end(self):
        asked = library.refuse_pages_asked()
        library.refuse_pages(0, 0)
        return asked


class Blocks:
    """Those that the extension asks of the C library."""

    errors = MemoryError

    def refuse(self, nth):
        library.refuse_blocks(nth, 1)

    def end(self):
        asked = library.refuse_blocks_asked()
        library.refuse_blocks(0, 0)
        return asked


class Objects:
    """What anybody asks of Python's allocators."""

    # What the interpreter makes of some: "can't allocate read lock", "Can't pickle".
    errors = (MemoryError, RuntimeError, pickle.PicklingError)

    def refuse(self, nth):
        native.layer_refuse(nth)

    def end(self):
        return native.layer_asked()


def attempt(kind, operation, nth):
    """Do it with the nth piece refused; how many pieces there were, and whether it was done."""
    kind.refuse(nth)
    try:
        operation()
        done = True
    except kind.errors:
        done = False
    finally:
        asked = kind.end()
    return asked, done


def restart():
    """Tracing, whatever has become of it, with the lines' blocks and nothing else."""
    t.stop()
    release()
    t.start(5)
    allocate()


def check():
    """The lines' blocks are known, as they were; a new one is, and is no more once freed."""
    found = ours()
    assert t.is_tracing()
    assert found == known, len(found)
    block = native.malloc(OBJ, 6_007)
    assert sum(trace[1] == 6_007 for trace in t._get_traces()) == 1
    native.free(OBJ, block)
    assert not any(trace[1] == 6_007 for trace in t._get_traces())


def all_pieces(kind, operation, changes):
    """Refuse one after the other; how many there were, and how many attempts raised."""
    pieces = attempt(kind, operation, 0)[0]
    raised = 0
    nth = 1
    while nth <= pieces:
        if changes:
            restart()
        _, done = attempt(kind, operation, nth)
        raised += not done
        if changes:
            assert len(ours()) in (0, LINES)
            restart()
        check()
        nth += 1 if nth < at_first else every
    return pieces, raised


def first_start(kind):
    """In a child of its own each, since what the first start() asks for is kept."""
    nth = 1
    while True:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                asked, done = attempt(kind, begin, nth)
                assert t.is_tracing() == done
                restart()
                check()
                status = 0 if asked >= nth else 2
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in (0, 2), (nth, status)
        if status == 2:
            return nth - 1
        nth += 1


def held():
    """Bytes that are traced, the extension's blocks, and the bytes of the address space."""
    gc.collect()
    with warnings.catch_warnings():
        # From 3.13 on it is deprecated. The cache keeps the names that C code looked up.
        warnings.simplefilter("ignore")
        sys._clear_type_cache()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return {
        "traced": t.get_traced_memory()[0],
        "blocks": library.refuse_blocks_held(),
        "mapped": pages * os.sysconf("SC_PAGESIZE"),
    }


warnings.simplefilter("error")
kind_name, stdlib_dump, name = sys.argv[1], sys.argv[4], sys.argv[5]
at_first, every = int(sys.argv[2]), int(sys.argv[3])
library = ctypes.CDLL(None)
kind = {"pages": Pages, "blocks": Blocks, "objects": Objects}[kind_name]()
assert library.refuse_blocks_of(b"_engine."), "the extension is not loaded"
native.layer_on()
gc.disable()
path = str(Path(tempfile.mkdtemp()) / "x.ctm")
known = sorted((size, i + 1) for i, size in enumerate(SIZES))
if name == "first_start":
    print(first_start(kind), 0)
    sys.exit()
t.start(5)
allocate()
traced_objects = [bytes(i) for i in range(100)]
assert ours() == known
before = t.take_snapshot().filter_traces([t.Filter(True, "lines")])
after = t.Snapshot.merge(before)
plain = [trace._trace for trace in before.traces]

table, other = before.traces._traces, after.traces._traces
specs = [engine_spec(t.Filter(True, "lin*")), engine_spec(t.DomainFilter(False, 7))]
rows = len(list(table.rows()))
attributes = {"a": [1, 2.5, None, True, 2**2_000, -(2**2_000)], "b": {"c": ("d", b"e")}}
attributes["f"] = dict.fromkeys(range(100))
# More than a dict may have that hash to the same.
alike = {"k" * 300: dict.fromkeys(sys.hash_info.modulus * i for i in range(100))}
keys_alike = table.encode(alike)
dumped = Path(stdlib_dump).read_bytes()

deep = Path(path).parent / ("f" * 250) / ("f" * 250)
shared = deep / "shared"
shared.mkdir(parents=True)
(deep / "file").touch()
(deep / "link").symlink_to("file")
(deep / "nowhere").symlink_to("none")
(shared / "trap").symlink_to("../file")
if os.geteuid() == 0:
    os.lchown(shared / "trap", 12345, 12345)
    os.chown(shared, 12346, 12346)
    shared.chmod(0o1777)

operation = (READING | PURE | CHANGING)[name]
changes = name in CHANGING
operation()
levels = []
for _ in range(1 + PASSES):
    pieces, raised = all_pieces(kind, operation, changes)
    levels.append(held())
# What leaks is more after each pass; what is kept for once is not. The interpreter itself leaks, of
# its own objects, where these are refused.
for what, most in (("traced", 256), ("blocks", 0), ("mapped", 65_536)):
    steps = [now[what] - last[what] for last, now in itertools.pairwise(levels)]
    leaks = kind_name == "objects" and name not in PURE
    # A sanitizer keeps what is freed.
    grows = what == "mapped" and "asan" in os.environ["LD_PRELOAD"]
    assert leaks or grows or min(steps) <= most, (what, steps)
if changes:
    restart()
operation()
print(pieces, raised)
