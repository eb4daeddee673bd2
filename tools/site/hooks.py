"""What the site needs beyond the pages in docs/: pages that stand elsewhere, and links to them.

Links in the pages are as the repository has them, so that they work there too. Here those to a file
outside of docs/ become links to the page that shows it, or to a copy of it.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPO: Final = Path(__file__).resolve().parents[2]
DOCS: Final = PurePosixPath("docs")

# Page of the site: file of the repository.
ELSEWHERE: Final = {
    "c-api.md": "python/ctracemalloc/include/ctracemalloc.h",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "format.md": "src/format/FORMAT.md",
    "index.md": "README.md",
    "license.md": "LICENSE",
    "measuring.md": "bench/README.md",
    "security.md": "SECURITY.md",
}
PAGES: Final = {path: page for page, path in ELSEWHERE.items()}

_FENCE: Final = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<=\]\()(?P<path>[^)#:\s]+)(?=[)#])")


def decisions() -> list[str]:
    """Give the pages of the decisions, in their order."""
    folder = REPO / DOCS / "adr"
    return [f"adr/{path.name}" for path in sorted(folder.glob("[0-9]*.md"))]


def title_of(page: str) -> str:
    """Give the first heading of a page in docs/."""
    text = (REPO / DOCS / page).read_text(encoding="utf-8")
    return text.partition("\n")[0].lstrip("# ")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put all decisions below their page in the navigation."""
    assert config.nav is not None
    (below,) = (entry["Decisions"] for entry in config.nav if "Decisions" in entry)
    below += decisions()
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere."""
    for page, path in ELSEWHERE.items():
        text = (REPO / path).read_text(encoding="utf-8")
        name = PurePosixPath(path)
        if name.suffix != ".md":
            language = "c" if name.suffix == ".h" else "text"
            text = f"# `{name.name}`\n\n```{language}\n{text}```\n"
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, /, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where the site has what they mean."""
    source = page.file.src_uri
    here = PurePosixPath(ELSEWHERE.get(source, str(DOCS / source)))

    def lead(link: re.Match[str]) -> str:
        target = posixpath.normpath(here.parent / link["path"])
        if target in PAGES:
            uri = PAGES[target]
        elif PurePosixPath(target).is_relative_to(DOCS):
            uri = str(PurePosixPath(target).relative_to(DOCS))
            if (REPO / target).is_dir():
                uri = posixpath.join(uri, "index.md")
        elif target.endswith(".md") or not (REPO / target).is_file():
            raise PluginError(f"{here}: the site has no page for {target}: see tools/site/hooks.py")
        else:
            uri = f"repository/{target}"
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(REPO / target)))
        return os.path.relpath(uri, PurePosixPath(source).parent)

    if source == "adr/index.md":
        markdown += "".join(f"\n- [{title_of(uri)}]({uri[4:]})" for uri in decisions())
    parts = []
    end = 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(lead, markdown[end : fence.start()]), fence.group()]
        end = fence.end()
    return "".join([*parts, _LINK.sub(lead, markdown[end:])])
