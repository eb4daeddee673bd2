"""Regular expressions: many compiled, and matches over a module's source kept."""

from __future__ import annotations

import os
import re
from pathlib import Path

SOURCE = Path(os.__file__).with_name("argparse.py")


def main() -> object:
    text = SOURCE.read_text(encoding="utf-8")
    words = sorted(set(re.findall(r"[a-z_]{5,}", text)))[:150]
    patterns = [
        re.compile(rf"(?P<before>\w*)\b{word}(?:s|ed)?\b(?P<after>[^\n]*)") for word in words
    ]
    matches = [match for pattern in patterns for match in pattern.finditer(text)]
    groups = [(match.group("after"), match.span()) for match in matches]
    tokens = re.split(r"(\W+)", text)
    replaced = re.sub(r"\bself\b", lambda match: match.group().upper(), text)
    classes = [re.compile(f"[{chr(97 + n % 20)}-z0-9_.-]{{{n},}}|x{n}") for n in range(150)]
    return patterns, matches, groups, tokens, replaced, classes
