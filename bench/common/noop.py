"""Builds hooks that do nothing into a venv, for the configurations noop and noop-reuse."""

import json
import shlex
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("noop_hooks.c")
_FACTS = """
import json, sysconfig
facts = {name: sysconfig.get_config_var(name) for name in ("CC", "EXT_SUFFIX")}
print(json.dumps(facts | {name: sysconfig.get_path(name) for name in ("include", "platlib")}))
"""


def build_noop(python: str) -> None:
    """Compiles noop_hooks.c where an interpreter will import it."""
    shown = subprocess.run([python, "-c", _FACTS], capture_output=True, text=True, check=True)
    facts: dict[str, str] = json.loads(shown.stdout)
    module = Path(facts["platlib"]) / f"noop_hooks{facts['EXT_SUFFIX']}"
    options = ["-O2", "-shared", "-fPIC", f"-I{facts['include']}", "-o", str(module)]
    subprocess.run([*shlex.split(facts["CC"]), *options, str(_SOURCE)], check=True)
