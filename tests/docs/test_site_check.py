"""The check of the built site finds what is broken, and what would be fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_check import check

GOOD = """<link rel="stylesheet" href="style.css"><script src="script.js"></script>
<h1 id="top-of-it">A</h1><a href="#top-of-it">up</a><a href="other.html#there">other</a>
<a href="https://example.org/">elsewhere</a><img src="data:image/png;base64,AA==">"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small site, with nothing wrong."""
    (tmp_path / "index.html").write_text(GOOD)
    (tmp_path / "other.html").write_text('<a name="there" href="index.html">back</a>')
    (tmp_path / "style.css").write_text("p { background: url('picture.svg') }")
    (tmp_path / "picture.svg").write_text("<svg/>")
    (tmp_path / "script.js").write_text("")
    return tmp_path


def test_a_good_site_passes(site: Path) -> None:
    assert check(site) == []


def test_a_site_without_pages_does_not(tmp_path: Path) -> None:
    assert len(check(tmp_path)) == 1


@pytest.mark.parametrize(
    ("element", "complaint"),
    [
        ('<a href="gone.html">x</a>', "gone.html is not there"),
        ('<a href="other.html#gone">x</a>', "the page has no such place"),
        ('<a href="#gone">x</a>', "the page has no such place"),
        ('<a href="/other.html">x</a>', "does not begin at the page"),
        ('<img src="gone.png">', "gone.png is not there"),
        ('<img src="https://example.org/a.png">', "loads https://example.org/a.png"),
        ('<script src="//example.org/a.js"></script>', "loads //example.org/a.js"),
        ('<link rel="preconnect" href="https://example.org">', "loads https://example.org"),
        ('<p style="background: url(https://example.org/a)">', "loads https://example.org/a"),
    ],
)
def test_what_is_wrong_in_a_page_is_found(site: Path, element: str, complaint: str) -> None:
    (site / "index.html").write_text(GOOD + element)
    (found,) = check(site)
    assert found.startswith(str(site / "index.html"))
    assert complaint in found


@pytest.mark.parametrize(
    "rule", ["@import 'https://example.org/a.css';", "p { src: url(https://example.org/a.css) }"]
)
def test_a_style_that_loads_from_elsewhere_is_found(site: Path, rule: str) -> None:
    (site / "style.css").write_text(rule)
    assert check(site) == [f"{site / 'style.css'}: loads https://example.org/a.css"]
