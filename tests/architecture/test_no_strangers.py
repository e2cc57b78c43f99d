"""The pages are made of our own files: nothing comes from elsewhere, and the copies are what they were when read."""

import re
from pathlib import Path

import pytest

from scripts.vendor_docs import VENDOR, VENDORS, packages, place, wrong_files

WEB = VENDOR.parents[1]
OURS = sorted(
    path
    for path in WEB.rglob("*")
    if path.suffix in {".css", ".html", ".js", ".py", ".svg"} and not set(VENDORS) & set(path.parents)
)
FOREIGN = re.compile(
    r"(?:https?:)?//(?!www\.w3\.org/(?:2000/svg|1998/Math/MathML)\b|127\.0\.0\.1\b)[\w-]+(?:\.[\w-]+)+"
)


def test_there_is_something_to_look_at() -> None:
    assert {"page.py", "pages.css", "swagger.js", "redoc.js", "icon.svg"} <= {path.name for path in OURS}


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(WEB)))
def test_no_page_names_another_host(path: Path) -> None:
    assert FOREIGN.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("text", ["src='//cdn.example.com/a.js'", "https://example.com", "url(http://fonts.example/x)"])
def test_another_host_would_be_found(text: str) -> None:
    assert FOREIGN.search(text)


@pytest.mark.parametrize(
    "path", [path for path in OURS if path.suffix in {".html", ".svg"}], ids=lambda path: path.name
)
def test_no_script_stands_in_a_page(path: Path) -> None:
    """The Content-Security-Policy would stop it in a browser; this says so earlier."""
    assert re.findall(r"<script|\son\w+=|\sstyle=|javascript:", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.parent.name)
def test_the_vendored_files_are_what_is_pinned(vendor: Path) -> None:
    assert wrong_files(vendor) == []


def test_the_vendored_versions_are_those_that_stay_at_home() -> None:
    """Swagger UI 5 reads OpenAPI 3.1; ReDoc 3 sends telemetry."""
    versions = {package["name"]: str(package["version"]).split(".")[0] for package in packages()}
    assert versions == {"swagger-ui-dist": "5", "redoc": "2"}


@pytest.mark.parametrize(
    ("vendor", "package"),
    [
        pytest.param(vendor, package, id=f"{vendor.parent.name}: {package['name']}")
        for vendor in VENDORS
        for package in packages(vendor)
    ],
)
def test_every_vendored_package_keeps_its_licence(vendor: Path, package: dict[str, str]) -> None:
    words = {
        "Apache-2.0": "Apache License",
        "BSD-3-Clause": "Redistribution and use in source and binary forms",
        "ISC": "Permission to use, copy, modify, and/or distribute this software",
        "MIT": "MIT License",
        "MPL-2.0": "Mozilla Public License",
        "Unlicense": "released into the public domain",
    }[package["licence"]]
    assert words in " ".join(place(package, "LICENSE", vendor).read_text(encoding="utf-8").split())


def test_redoc_asks_no_other_host_for_its_logo() -> None:
    assert b"cdn.redoc.ly" not in (VENDOR / "redoc" / "redoc.standalone.js").read_bytes()
