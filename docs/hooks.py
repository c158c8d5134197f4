"""What mkdocs calls while it builds the site: pages from outside docs/, links to them, and nothing from elsewhere.

Pages link to each other as files of the repository, so that they work there too; here such links become links of the
site.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/first_edit.ipynb": "first_edit.ipynb",
    "integrations/diffusers/README.md": "diffusers-pipeline.md",
    "integrations/comfyui/README.md": "comfyui-nodes.md",
}
"""Files outside docs/, by their place in the repository, and where the site has them."""
_LINK = re.compile(r"(\]\()([^)#:\s]+)")
_FETCHED = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages from outside docs/."""
    for source, target in ELSEWHERE.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns links between files of the repository into links of the site."""
    target = page.file.src_uri
    places = {own: source for source, own in ELSEWHERE.items()}
    return site_links(markdown, places.get(target, f"docs/{target}"))


def site_links(markdown: str, place: str) -> str:
    """A page's text with its links as the site has them.

    Args:
        place: of the page in the repository.
    """
    here = place.removeprefix("docs/") if place.startswith("docs/") else ELSEWHERE[place]
    up = "../" * here.count("/")

    def moved(found: re.Match[str]) -> str:
        named = normpath(f"{place.rpartition('/')[0]}/{found[2]}".lstrip("/"))
        target = named.removeprefix("docs/") if named.startswith("docs/") else ELSEWHERE.get(named)
        return found[0] if target is None else f"{found[1]}{up}{target}"

    return _LINK.sub(moved, markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """Makes sure that no page fetches anything from elsewhere.

    Raises:
        PluginError: one does.
    """
    for page in Path(config["site_dir"]).rglob("*.html"):
        if found := fetched_from_elsewhere(page.read_text(encoding="utf-8")):
            raise PluginError(f"{page.name} fetches {found[0]}")


def fetched_from_elsewhere(html: str) -> list[str]:
    """The addresses of other places that a page loads by itself."""
    return _FETCHED.findall(html)
