"""Checks a built site: what its pages link to and load is there, and nothing comes from elsewhere.

Usage: site_check.py FOLDER
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

# Attributes that make a browser load what they name, by element.
LOADED: Final = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href",),
    "img": ("src", "srcset"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "use": ("href",),
    "video": ("src", "poster"),
}
# Links of a page to others that no browser follows by itself.
NOT_LOADED: Final = {"canonical", "edit", "next", "prev"}

_STYLE_URL: Final = re.compile(
    r"url\(\s*['\"]?(?P<url>[^'\")]+)|@import\s+['\"](?P<import>[^'\"]+)"
)


class Links(HTMLParser):
    """Collects what a page defines, links to and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {"", "top"}
        self.followed: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.followed.append(values["href"])
        elif tag == "link" and values.get("rel") in NOT_LOADED:
            self.followed.append(values.get("href", ""))
        else:
            self.loaded += [values[name] for name in LOADED.get(tag, ()) if name in values]
        self.loaded += urls_of_style(values.get("style", ""))


def urls_of_style(text: str) -> list[str]:
    """Give what a style sheet loads."""
    return [found["url"] or found["import"] for found in _STYLE_URL.finditer(text)]


def check(site: Path) -> list[str]:
    """Give all that is wrong with a site."""
    pages = {
        path.resolve(): Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")
    }
    wrong = []

    def look(where: Path, url: str, *, is_loaded: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme == "data":
            return
        if parts.scheme or parts.netloc:
            if is_loaded:
                wrong.append(f"{where}: loads {url}")
            return
        if parts.path.startswith("/"):
            # The page for what is not found is shown in any folder.
            if where.name != "404.html":
                wrong.append(f"{where}: {url} does not begin at the page")
            return
        target = (where.parent / unquote(parts.path)).resolve() if parts.path else where.resolve()
        if target.is_dir():
            target /= "index.html"
        if not target.exists():
            wrong.append(f"{where}: {url} is not there")
        elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
            wrong.append(f"{where}: {url}: the page has no such place")

    for path, links in pages.items():
        for url in links.followed:
            look(path, url, is_loaded=False)
        for url in links.loaded:
            look(path, url, is_loaded=True)
    for path in site.rglob("*.css"):
        for url in urls_of_style(path.read_text(encoding="utf-8")):
            look(path, url, is_loaded=True)
    if not pages:
        wrong.append(f"{site}: there is no page")
    return wrong


def main() -> int:
    """Print what is wrong; exit status 1 if anything is."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = check(Path(sys.argv[1]))
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
