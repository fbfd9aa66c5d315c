"""Changes to the pages for MkDocs; GitHub shows them as they are.

Links to files outside `docs/` become the file's path, and pictures from there are copied. The built pages must load
nothing from other hosts.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent

_PICTURE = re.compile(r"(!\[[^\]]*\]\()\.\./([^)\s]+)(?=\))")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./([^)#\s]+)[^)\s]*\)")
# Addresses that a browser fetches with a page, unlike those of links.
_LOAD = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:\burl\(|@import\s)["']?((?:https?:)?//[^"'\s)]+)"""
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pictures outside `docs/` that the pages show."""
    for page in files.documentation_pages():
        for _, path in _PICTURE.findall(page.content_string):
            if (ROOT / path).is_file() and path not in files.src_uris:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Remove links to files outside `docs/`; a broken link stays, so that the check of links finds it."""
    return _LINK.sub(_named, _PICTURE.sub(r"\1\2", markdown))


def on_post_build(config: MkDocsConfig) -> None:
    """Raise PluginError if a page or a style sheet loads something from another host."""
    pages = (page for page in Path(config.site_dir).rglob("*") if page.suffix in {".html", ".css", ".svg"})
    loads = {
        f"{page.relative_to(config.site_dir)} loads {''.join(found)}"
        for page in pages
        for found in _LOAD.findall(page.read_text(encoding="utf-8"))
        if not "".join(found).startswith(config.site_url or "\n")
    }
    if loads:
        raise PluginError("\n".join(sorted(loads)))


def _named(link: re.Match[str]) -> str:
    text, path = link.groups()
    if not (ROOT / path).exists():
        return link[0]
    bare = text.strip("`")
    return f"`{bare}`" if bare.rstrip("/") == path.rstrip("/") else f"{text} (`{path}`)"
