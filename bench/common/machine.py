"""Tells on what a benchmark ran: machine, date, interpreter and its build."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

# Runs in the measured interpreter, with the names of the distributions to report as arguments.
_ASK_INTERPRETER = """
import importlib.metadata, json, sys, sysconfig

def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""

json.dump({
    "version": sys.version,
    "configure": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "flags": sysconfig.get_config_var("PY_CORE_CFLAGS") or "",
    "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
    "gil": not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "versions": {name: version(name) for name in sys.argv[1:]},
}, sys.stdout)
"""

# The options of the interpreter's configure script that bear on its speed.
_SPEED_OPTIONS = (
    *("--enable-optimizations", "--with-lto", "--enable-bolt", "--with-computed-gotos"),
    *("--enable-experimental-jit", "--with-tail-call-interp", "--disable-gil"),
    *("--with-pydebug", "--with-assertions", "--with-trace-refs", "--without-pymalloc"),
)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _configure_options(arguments: str) -> str:
    options = [argument.strip("'\"") for argument in arguments.split()]
    return " ".join(option for option in options if option.startswith(_SPEED_OPTIONS))


def _optimization(flags: str) -> str:
    wanted = [flag for flag in flags.split() if flag.startswith(("-O", "-flto", "-fprofile"))]
    return " ".join(dict.fromkeys(wanted))


def describe(python: str, distributions: list[str]) -> dict[str, str]:
    """Describes this machine and an interpreter; with the versions of what is installed there."""
    answer = subprocess.run(
        [python, "-c", _ASK_INTERPRETER, *distributions],
        check=True,
        capture_output=True,
        text=True,
    )
    interpreter = json.loads(answer.stdout)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    build = [_optimization(interpreter["flags"])]
    if interpreter["debug"]:
        build.append("debug build")
    if not interpreter["gil"]:
        build.append("free-threaded")
    versions = {name: text for name, text in interpreter["versions"].items() if text}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "system": f"Linux {platform.release()}, {platform.machine()}",
        "interpreter": " ".join(interpreter["version"].split()),
        "build": ", ".join(filter(None, build)),
        "configure": _configure_options(interpreter["configure"]),
        "versions": ", ".join(f"{name} {text}" for name, text in versions.items()),
    }


def lines(about: dict[str, str]) -> str:
    """A list of what describe() found, as Markdown."""
    versions = f"; {about['versions']}" if about["versions"] else ""
    return (
        f"- {about['date']}; {about['machine']}; {about['system']}\n"
        f"- Python {about['interpreter']}; built with `{about['build']}`, "
        f"configured with `{about['configure'] or 'defaults'}`{versions}"
    )
