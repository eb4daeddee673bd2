"""The programs: 49 of pyperformance's that need nothing but Python code and the standard library.

Left out are those that time one C function (pickle, base64, sqlite, regular expressions), that
start processes, that differ from another one in a parameter only, or that take minutes under a slow
tracer.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """One benchmark of one of pyperformance's scripts."""

    name: str
    # The folder is bm_SCRIPT.
    script: str
    args: tuple[str, ...] = ()
    # Which of the script's benchmarks; empty where it has, or the arguments choose, only one.
    bench: str = ""
    # A folder of modules beside the script.
    path: str = ""
    # A module that the program wants to import anew, though a tracer may have done so already.
    unload: str = ""
    # False where one loop takes seconds, which warms up by itself.
    warmup: bool = True
    # Whether it is among the dozen of a quick run.
    quick: bool = False

    def file(self, benchmarks: Path) -> Path:
        """The script."""
        return benchmarks / f"bm_{self.script}" / "run_benchmark.py"


def _same(*names: str, quick: bool = False) -> list[Program]:
    return [Program(name, name, quick=quick) for name in names]


_PICKLE = ["--pure-python"]

PROGRAMS = sorted(
    [
        *_same("coroutines", "deltablue", "float", "html5lib", quick=True),
        *_same("json_loads", "nbody", "raytrace", "regex_compile", quick=True),
        *_same("async_generators", "chameleon", "chaos", "comprehensions", "crypto_pyaes"),
        *_same("django_template", "dulwich_log", "fannkuch", "gc_collect", "generators", "go"),
        *_same("hexiom", "json_dumps", "mako", "meteor_contest", "nqueens", "pathlib", "pyflate"),
        *_same("richards", "spectral_norm", "telco", "tornado_http", "xdsl", "yaml"),
        Program("2to3", "2to3", path="vendor/src"),
        Program("async_tree", "async_tree", ("none",), quick=True),
        Program("async_tree_cpu_io_mixed", "async_tree", ("cpu_io_mixed",)),
        Program("deepcopy", "deepcopy", bench="deepcopy", quick=True),
        Program("docutils", "docutils", warmup=False),
        Program("genshi_xml", "genshi", ("xml",)),
        Program("logging_format", "logging", ("format",)),
        Program("pickle_pure_python", "pickle", (*_PICKLE, "pickle"), unload="pickle", quick=True),
        Program("pprint", "pprint", bench="pprint_safe_repr"),
        Program("scimark_fft", "scimark", ("fft",)),
        Program("scimark_sor", "scimark", ("sor",)),
        Program("scimark_sparse_mat_mult", "scimark", ("sparse_mat_mult",), quick=True),
        Program("sqlglot_optimize", "sqlglot_v2", ("optimize",)),
        Program("sympy_str", "sympy", ("str",)),
        Program("tomli_loads", "tomli_loads", warmup=False),
        Program("unpickle_pure_python", "pickle", (*_PICKLE, "unpickle"), unload="pickle"),
        Program("xml_etree_process", "xml_etree", ("process",)),
    ],
    key=lambda program: program.name,
)
