"""File and function names of every kind come back equal."""

from __future__ import annotations

from .conftest import Run


def test_names_of_every_kind(run: Run) -> None:
    run(r"""
        t.start()
        names = [
            "", "plain", "caf\xe9", "\u0416\u0416", "\U0001f600 smile", "a\0b", "\0",
            "lone \ud800 high", "lone \udc80 low", "\udc80\ud800 wrong way round",
            "\ud83d\ude00 two halves", "\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff",
            "x" * 1_000_000, "\xe9" * 1_000_000, "\U0001f600" * 250_000, "\ud800" * 300_000,
        ]
        class Name(str):
            pass
        names.append(Name("of a subclass \u20ac"))
        source = compile("def function(): return native.malloc(OBJ, 48_611)", "", "exec")
        for name in names:
            def renamed(code):
                consts = tuple(renamed(c) if hasattr(c, "co_code") else c for c in code.co_consts)
                return code.replace(co_filename=name, co_consts=consts)
            space = {"native": native, "OBJ": OBJ}
            exec(renamed(source), space)
            block = space["function"]()
            [trace] = traces(48_611)
            assert trace[2] == ((name, 1),), (name[:20], trace[2][0][0][:20])
            native.free(OBJ, block)
        t.take_snapshot().statistics("traceback")
    """)


def test_equal_names_of_other_storage_are_one(run: Run) -> None:
    """A name that is equal is the same name, whoever holds it."""
    run(r"""
        t.start()
        for i in range(50):
            name = "".join(["caf", "\xe9", str(i % 2)])
            exec(compile("native.malloc(OBJ, 51_001)", name, "exec"))
        stacks = {id(trace[2]) for trace in traces(51_001)}
        assert len({trace[2] for trace in traces(51_001)}) == 2
    """)


def test_lambdas_on_one_line_and_execs_of_one_name(run: Run) -> None:
    """Rows that differ in the function alone are one to the API; so are those of many execs."""
    run(r"""
        t.start()
        pair = [lambda: native.malloc(OBJ, 51_003), lambda: native.malloc(OBJ, 51_003)]
        for function in pair * 3: function()
        assert len({trace[2] for trace in traces(51_003)}) == 1
        [stat] = [s for s in t.take_snapshot().statistics("lineno") if s.size >= 6 * 51_003]
        assert 6 <= stat.count < 20 and stat.size < 7 * 51_003, stat
        for _ in range(1000):
            exec(compile("native.malloc(OBJ, 51_005)", "<one>", "exec"))
        [stat] = [s for s in t.take_snapshot().statistics("filename")
                  if s.traceback[0].filename == "<one>" and s.size >= 1000 * 51_005]
        assert stat.count >= 1000
    """)


def test_module_reloaded(run: Run) -> None:
    run(r"""
        import importlib, pathlib, sys, tempfile
        folder = tempfile.mkdtemp()
        path = pathlib.Path(folder, "ctm_reloaded.py")
        path.write_text("import ctm_native\nctm_native.malloc(2, 51_007)\n")
        sys.path.insert(0, folder)
        t.start()
        import ctm_reloaded
        for _ in range(99): importlib.reload(ctm_reloaded)
        stats = [s for s in t.take_snapshot().statistics("lineno")
                 if s.traceback[0] == t.Frame((str(path), 2))]
        [stat] = stats
        assert 100 <= stat.count < 110 and 100 * 51_007 <= stat.size < 101 * 51_007, stat
    """)
