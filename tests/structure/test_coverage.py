"""The list of lines that no test reaches speaks of the code as it is."""

from __future__ import annotations

from tree import REPO, SRC

ACCEPTED = REPO / "tests" / "coverage.accepted"


def test_listed_lines_are_there_and_have_a_reason() -> None:
    reason = ""
    gone = []
    for line in ACCEPTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            reason = line
        elif line:
            assert reason, f"no reason is given for {line}"
            path, function, text = line.split("\t")
            file = SRC / path
            code = file.read_text(encoding="utf-8") if file.exists() else ""
            stripped = {code_line.strip() for code_line in code.splitlines()}
            if text not in stripped or f"{function}(" not in code:
                gone.append(line)
    assert not gone, f"to be taken out of {ACCEPTED.relative_to(REPO)}: {gone}"
