"""Writes docs/api.md, the reference of the module, from its docstrings and annotations.

What a name is for stands in its docstring, here only in which order the names come.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Final

import ctracemalloc
from ctracemalloc._tree import TreeColumns

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "api.md"
STUBS: Final = Path(__file__).resolve().parents[2] / "python" / "ctracemalloc" / "_engine.pyi"

HEAD: Final = """\
# The module

Written from the docstrings by `tools/site/api_reference.py`.

`import ctracemalloc as tracemalloc` is all that a program has to change. What the
[documentation](https://docs.python.org/3/library/tracemalloc.html) of the standard library's module
says holds here; [limits](limits.md#where-an-answer-differs-from-the-standard-librarys) has the
exceptions. The [guide](guide.md) tells how the names are used together, and the
[examples](examples.md) show it.
"""

GROUPS: Final = {
    "Tracing": (
        "start",
        "stop",
        "is_tracing",
        "clear_traces",
        "get_traceback_limit",
        "get_traced_memory",
        "reset_peak",
        "reset_churn",
        "is_churn_exact",
        "get_tracemalloc_memory",
        "get_dropped",
        "get_lost",
        "get_object_traceback",
        "take_snapshot",
    ),
    "Snapshots": ("Snapshot", "FormatError", "Trace", "Traceback", "Frame"),
    "Statistics": ("Statistic", "StatisticDiff"),
    "Filters": ("Filter", "DomainFilter", "BaseFilter"),
    "Trees of calls": ("Tree", "TreeNode"),
    "Other memory": ("track", "untrack", "name_domain", "domain_name", "get_include"),
    "In the place of tracemalloc": ("install", "uninstall", "is_installed"),
}
# The standard library's module has no list of its names: these are seen in it as well.
IMPORTED: Final = (
    "Iterable",
    "Sequence",
    "fnmatch",
    "linecache",
    "os",
    "pickle",
    "total_ordering",
)
# Nobody constructs these: methods give them.
GIVEN: Final = ("Tree", "TreeNode")
# Modules whose names for types the annotations have.
TYPED: Final = ("_model", "_snapshot")
# Attributes that are set in __init__ have no docstring.
ATTRIBUTES: Final = {
    "BaseFilter.inclusive": "Whether what matches is kept, or left out.",
    "Filter.all_frames": "Whether all frames are looked at, or the newest alone.",
    "Filter.domain": "Domain of the blocks that are meant; None for any.",
    "Filter.function_pattern": "Pattern of the function's qualified name; None for any.",
    "Filter.lineno": "Number of the line; None for any.",
    "Filter.module_pattern": "Pattern of the module's name; None for any.",
    "Snapshot.traceback_limit": "The limit of frames when the snapshot was taken.",
    "Snapshot.traces": "The traces: a sequence of `Trace`, which are made when they are asked for.",
    "Tree.by": "What a frame of the tree is.",
    "Tree.inverted": "Whether callers are below what they called.",
    "TreeNode.number": "The node's place in its tree.",
    "TreeNode.tree": "The tree that the node is part of.",
}


class Raw(str):
    """An annotation, shown as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def functions_in(path: Path) -> dict[str, ast.FunctionDef]:
    """Give the functions that a file of stubs declares."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def declared(name: str) -> FunctionType:
    """Give a function of C as its stub declares it."""
    node = functions_in(STUBS)[name]
    source = "from __future__ import annotations\n" + ast.unparse(node)
    namespace: dict[str, FunctionType] = {}
    exec(compile(source, STUBS.name, "exec"), namespace)
    return namespace[name]


def signature(function: Callable[..., object], *, is_method: bool = False) -> str:
    """Give a function's parameters and result, with annotations as they are written."""
    if not inspect.isroutine(function):
        raise TypeError(f"{function} is no function")
    if inspect.isbuiltin(function):
        function = declared(function.__name__)
    found = inspect.signature(function)
    parameters = [
        parameter
        if parameter.annotation is parameter.empty
        else parameter.replace(annotation=Raw(parameter.annotation))
        for parameter in found.parameters.values()
    ][1 if is_method else 0 :]
    result = found.return_annotation
    if result is not found.empty:
        result = Raw(result)
    return str(inspect.Signature(parameters, return_annotation=result))


def text_of(thing: object, name: str) -> str:
    """Give a docstring as Markdown."""
    text = inspect.getdoc(thing)
    if not text:
        raise ValueError(f"{name} has no docstring")
    # What is no code may have characters that mean something.
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_])", r"\\\1", part).replace("<", "&lt;")
        for part in parts
    )


def code(text: str) -> list[str]:
    """Give a line of Python as a block, cut where it is long."""
    if len(text) > 100:
        head, _, rest = text.partition("(")
        inner, _, result = rest.rpartition(")")
        parameters = re.split(r", (?![^\[]*\])", inner)
        text = f"{head}(\n" + "".join(f"    {part},\n" for part in parameters) + f"){result}"
    return ["", "```python", text, "```", ""]


def members(kind: type) -> Iterator[tuple[str, object]]:
    """Give what a class and its bases here define for the public."""
    seen = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("ctracemalloc"):
            continue
        for name, member in vars(base).items():
            if not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, member


def set_in_init(kind: type) -> Iterator[str]:
    """Give the public attributes that a class and its bases here set when an instance is made."""
    for base in kind.__mro__:
        init = vars(base).get("__init__")
        if not isinstance(init, FunctionType) or not base.__module__.startswith("ctracemalloc"):
            continue
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(init)))):
            match node:
                case ast.Attribute(attr=name, ctx=ast.Store()) if not name.startswith("_"):
                    yield name


def attribute_text(kind: type, name: str) -> str:
    """Give what an attribute that has no docstring is."""
    for base in kind.__mro__:
        if text := ATTRIBUTES.get(f"{base.__name__}.{name}"):
            return text
    raise ValueError(f"tools/site/api_reference.py does not say what {kind.__name__}.{name} is")


def class_lines(name: str, kind: type) -> Iterator[str]:
    """Describe a class."""
    init = vars(kind).get("__init__")
    if name in GIVEN or not isinstance(init, FunctionType):
        parameters = ""
    else:
        parameters = signature(init, is_method=True)
    yield from code(f"class {name}{parameters.removesuffix(' -> None')}")
    yield text_of(kind, name)
    found = dict(members(kind))
    attributes = {
        attribute: text_of(member, f"{name}.{attribute}").replace("\n", " ")
        for attribute, member in found.items()
        if isinstance(member, property) or inspect.isgetsetdescriptor(member)
    }
    for attribute in [*set_in_init(kind), *found]:
        if attribute not in attributes and not inspect.isroutine(found.get(attribute)):
            attributes[attribute] = attribute_text(kind, attribute)
    if attributes:
        yield from ("", "| attribute | |", "|---|---|")
        for attribute, text in sorted(attributes.items()):
            yield f"| `{attribute}` | {text} |"
    for method, member in found.items():
        if inspect.isroutine(member):
            is_static = isinstance(member, staticmethod)
            function = getattr(kind, method)
            yield from code(f"{name}.{method}{signature(function, is_method=not is_static)}")
            yield text_of(function, f"{name}.{method}")


def names_of_types() -> dict[str, str]:
    """Give the definitions of the names for types, each after those that it is made of."""
    found = {}
    for module in TYPED:
        source = (STUBS.parent / f"{module}.py").read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if re.fullmatch(r"[A-Z]\w+", name):
                    found[name] = ast.unparse(node)
    return found


def type_lines(page: str) -> Iterator[str]:
    """Say what the names for types are that a page has."""
    definitions = names_of_types()
    wanted = [name for name in definitions if re.search(rf"\b{name}\b", page)]
    for name in wanted:
        wanted += [
            other
            for other in definitions
            if other not in wanted and re.search(rf"\b{other}\b", definitions[name])
        ]
    yield "Annotations have these names. No module exports them."
    yield from ("", "```python")
    yield from (definitions[name] for name in definitions if name in wanted)
    yield from ("```", "", "`SnapshotTable` is what holds the traces of a snapshot, in C.", "")
    yield "#### TreeColumns"
    yield from ("", text_of(TreeColumns, "TreeColumns"), "")


def reference() -> str:
    """Give the text of the page."""
    described = {name for names in GROUPS.values() for name in names}
    if described | set(IMPORTED) != set(ctracemalloc.__all__):
        missing = sorted(set(ctracemalloc.__all__) ^ (described | set(IMPORTED)))
        raise ValueError(f"tools/site/api_reference.py and __all__ differ in: {missing}")
    lines = [HEAD]
    for title, names in GROUPS.items():
        lines += [f"## {title}", ""]
        for name in names:
            thing = getattr(ctracemalloc, name)
            lines.append(f"### {name}")
            if isinstance(thing, type):
                lines += class_lines(name, thing)
            else:
                lines += [*code(name + signature(thing)), text_of(thing, name)]
            lines.append("")
    lines += ["## Types", "", *type_lines("\n".join(lines))]
    imported = ", ".join(f"`{name}`" for name in IMPORTED)
    lines += [
        "## What the standard library's module shows as well",
        "",
        f"{imported}: not meant for use. They are there so that `from tracemalloc import *` means",
        "the same.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
