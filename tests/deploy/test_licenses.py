"""The licences of what the project is made of: known, allowed, and on the page."""

import json
import sys
from pathlib import Path

import av
import pytest

from deploy.container.sbom import bill_of_materials
from deploy.licenses import ROOT, SHIPPED, licence_of, pinned, tables

# Of these, notices and texts are kept with an image; nothing else is asked.
ALLOWED = {
    *("0BSD", "AFL-2.1", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "CC0-1.0"),
    *("CNRI-Python", "ISC", "LLVM-exception", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "ZPL-2.1", "Zlib"),
}
# These ask for more, which docs/licenses.md says; each stands where it is known to, and nowhere else.
KNOWN = {
    ("site", "psycopg"): "LGPL-3.0-only",
    ("site", "psycopg-binary"): "LGPL-3.0-only",
    ("batch", "mutagen"): "GPL-2.0-or-later",
    ("dev", "mutagen"): "GPL-2.0-or-later",
    ("dev", "psycopg"): "LGPL-3.0-only",
    ("dev", "psycopg-binary"): "LGPL-3.0-only",
    ("dev", "soxr"): "LGPL-2.1-or-later",
}
PAGE = (ROOT / "docs" / "licenses.md").read_text(encoding="utf-8")
ROLES = sorted(path.stem for path in (ROOT / "requirements").glob("*.txt"))


def is_allowed(licence: str) -> bool:
    """Return whether all that an SPDX expression without brackets names together is allowed."""
    return any(
        all(name in ALLOWED for name in choice.replace(" WITH ", " AND ").split(" AND "))
        for choice in licence.split(" OR ")
    )


@pytest.mark.parametrize("role", ROLES)
def test_every_pinned_package_has_a_licence_that_is_allowed(role: str) -> None:
    packages = pinned(role)
    assert packages
    wrong = {one.name: one.licence for one in packages if not is_allowed(one.licence)}
    assert wrong == {name: licence for (where, name), licence in KNOWN.items() if where == role}


def test_the_page_lists_what_is_pinned_now() -> None:
    assert PAGE.endswith(tables())


def test_the_page_names_what_asks_for_more() -> None:
    conditions, _, _ = PAGE.partition("<!--")
    for (role, name), licence in KNOWN.items():
        if role in SHIPPED:
            assert f"`{name}`" in conditions
            assert licence in conditions


@pytest.mark.skipif(sys.platform != "linux", reason="the wheels of other systems hold other libraries")
def test_the_libraries_in_the_wheel_of_av_are_those_on_the_page() -> None:
    from av._core import library_meta

    assert {part["license"] for part in library_meta.values()} == {"LGPL version 3 or later"}
    assert "LGPL-3.0-or-later" in PAGE
    libraries = Path(av.__file__).parent.with_name("av.libs")
    under_gpl = {path.name.partition("-")[0].removeprefix("lib") for path in libraries.glob("libx26*")}
    assert under_gpl == {"x264", "x265"}
    assert all(name in PAGE for name in under_gpl)


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        (("MIT OR Apache-2.0", "BSD", ["License :: OSI Approved :: MIT License"]), "MIT OR Apache-2.0"),
        ((None, "Apache License, Version 2.0", []), "Apache-2.0"),
        (
            (None, "Copyright (c) 2001 somebody. All rights reserved.", ["License :: OSI Approved :: BSD License"]),
            "BSD",
        ),
        ((None, "", ["License :: OSI Approved :: BSD License", "License :: DFSG approved"]), "BSD"),
        ((None, "see file", []), None),
        ((None, None, ["License :: OSI Approved :: A License Of Its Own"]), None),
    ],
)
def test_a_licence_is_read_from_the_metadata(
    fields: tuple[str | None, str | None, list[str]], licence: str | None
) -> None:
    assert licence_of("sample", *fields) == licence


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "MIT AND LGPL-3.0-only", "AGPL-3.0-only OR SSPL-1.0", "own"])
def test_other_licences_are_noticed(licence: str) -> None:
    assert not is_allowed(licence)


def test_a_bill_of_materials_has_the_licences(tmp_path: Path) -> None:
    """Of this Python, in the place of an image's."""
    engine = tmp_path / "engine"
    engine.write_text(f'#!/bin/sh\nwhile [ "$1" != -c ]; do shift; done\nexec {sys.executable} "$@"\n')
    engine.chmod(0o755)
    bill = json.loads(bill_of_materials(str(engine), "image"))
    terms = {part["name"]: part.get("licenses") for part in bill["components"] if part["purl"].startswith("pkg:pypi/")}
    assert terms["mutagen"] == [{"license": {"id": "GPL-2.0-or-later"}}]
    assert terms["prometheus_client"] == [{"expression": "Apache-2.0 AND BSD-2-Clause"}]
    assert [name for name, found in terms.items() if not found] == []
