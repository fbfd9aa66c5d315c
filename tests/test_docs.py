"""What the documents say and can be checked: links, settings, the shipped models and their figures."""

import re
from pathlib import Path

import pytest

from inference.bundle import list_cards

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "reports").glob("*.md")]
# Code that reads settings of the service and the site from the environment.
READERS = [ROOT / "serving" / "settings.py", ROOT / "django_site" / "genre_site" / "settings.py"]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_menu_of_the_site_once() -> None:
    menu = re.findall(r"^ +- [^:]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(menu) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def test_every_setting_is_documented_and_exists() -> None:
    names = re.compile(r"\b(?:GENRE|SITE)_[A-Z_]+[A-Z]\b|\b(?:DATABASE|REDIS)_URL\b")
    read = {name for path in READERS for name in names.findall(path.read_text(encoding="utf-8"))}
    documented = set(names.findall((ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))
    assert documented == read


def test_the_figures_of_the_models_are_those_on_their_cards() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "evaluation.md"):
        rows = re.findall(r"^\| `([\w-]+)`.*?(0\.\d{3})\*{0,2} \(0\.\d{3} to", page.read_text(encoding="utf-8"), re.M)
        assert len(rows) >= 5
        for name, accuracy in rows:
            assert accuracy == f"{list_cards()[name].scores['test'].accuracy:.3f}", name
