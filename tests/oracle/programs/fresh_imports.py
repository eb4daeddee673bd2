"""Modules of the standard library imported for the first time, which also fills caches for good."""

from __future__ import annotations

import importlib
import sys

MODULES = (
    "calendar",
    "configparser",
    "difflib",
    "email.message",
    "ftplib",
    "http.client",
    "logging.config",
    "mailbox",
    "optparse",
    "pydoc",
    "tarfile",
    "urllib.request",
    "uuid",
    "zipfile",
)


def main() -> object:
    fresh = [name for name in MODULES if name not in sys.modules]
    if len(fresh) < len(MODULES) // 2:
        raise RuntimeError(f"most modules were imported before: only {fresh} are fresh")
    return [importlib.import_module(name) for name in MODULES]
