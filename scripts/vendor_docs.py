"""Make the folders of pinned copies again, two of app/web and the one of the browser tests, from the npm packages.

Each folder has a VENDORED.toml that says which packages, and what their content must be.

    python -m scripts.vendor_docs                  fetch, verify, write the files
    python -m scripts.vendor_docs --update         the same, but believe the packages and pin their checksums
    python -m scripts.vendor_docs --packages DIR   take the .tgz files from DIR instead of fetching them

Packages are fetched with `npm pack`, which downloads and does nothing else: no dependency is installed and no script of
a package is run (swagger-ui-dist depends on an analytics package that would run at its installation).
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["VENDOR", "VENDORS", "ChecksumError", "main", "packages", "place", "wrong_files"]

ROOT = Path(__file__).parent.parent
VENDOR = ROOT / "app" / "web" / "docs" / "vendor"
VENDORS = (VENDOR, ROOT / "app" / "web" / "explorer" / "vendor", ROOT / "tests" / "e2e" / "vendor")


class ChecksumError(Exception):
    """Content that is not what VENDORED.toml says."""


def packages(vendor: Path = VENDOR) -> list[dict[str, Any]]:
    """Read the rows of VENDORED.toml."""
    rows: list[dict[str, Any]] = tomllib.loads((vendor / "VENDORED.toml").read_text(encoding="utf-8"))["package"]
    return rows


def sha256(content: bytes) -> str:
    """Give the checksum that VENDORED.toml speaks in."""
    return hashlib.sha256(content).hexdigest()


def place(package: dict[str, Any], file: str, vendor: Path = VENDOR) -> Path:
    """Say where a file of a package is kept: one folder for each package, without the package's own folders."""
    return vendor / plain_name(package) / Path(file).name


def plain_name(package: dict[str, Any]) -> str:
    """Give a package's name as a file name, as `npm pack` has it: @scope/name becomes scope-name."""
    return str(package["name"]).removeprefix("@").replace("/", "-")


def wrong_files(vendor: Path = VENDOR) -> list[str]:
    """Compare the folder with VENDORED.toml, without the network.

    Returns
    -------
    one line for each file that is missing, that differs, or that no row mentions; empty if all is well
    """
    wrong = []
    known = {vendor / "VENDORED.toml"}
    for package in packages(vendor):
        for file in package["files"]:
            path = place(package, file["name"], vendor)
            known.add(path)
            if not path.is_file():
                wrong.append(f"{path.relative_to(vendor)} is missing")
            elif sha256(path.read_bytes()) != file["sha256"]:
                wrong.append(f"{path.relative_to(vendor)} is not what VENDORED.toml says")
    strangers = {path for path in vendor.rglob("*") if path.is_file()} - known
    return wrong + [f"{path.relative_to(vendor)} is not in VENDORED.toml" for path in sorted(strangers)]


def fetch(package: dict[str, Any], folder: Path) -> Path:
    """Download a package's archive into a folder."""
    name = f"{package['name']}@{package['version']}"
    subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", name], cwd=folder, check=True)  # noqa: S603, S607  a fixed command, found on the path
    return archive(package, folder)


def archive(package: dict[str, Any], folder: Path) -> Path:
    """Say how `npm pack` names a package's archive."""
    return folder / f"{plain_name(package)}-{package['version']}.tgz"


def contents(package: dict[str, Any], packed: Path) -> dict[str, bytes]:
    """Take a package's files out of its archive, with the changes that VENDORED.toml lists.

    Raises
    ------
    ChecksumError
        if a text that is to be replaced does not stand there exactly once
    """
    taken: dict[str, bytes] = {}
    with tarfile.open(packed) as tar:
        for file in package["files"]:
            member = tar.extractfile(f"package/{file['name']}")
            taken[file["name"]] = b"" if member is None else member.read()
    for change in package["changes"]:
        old, new = change["find"].encode(), change["put"].encode()
        if taken[change["file"]].count(old) != 1:
            message = f"{change['file']}: {change['find']!r} does not stand there exactly once"
            raise ChecksumError(message)
        taken[change["file"]] = taken[change["file"]].replace(old, new)
    return taken


def main(arguments: list[str] | None = None, *, vendors: Sequence[Path] = VENDORS) -> None:
    """Make the folders again; see the module's docstring.

    Raises
    ------
    ChecksumError
        if a package or a file is not what VENDORED.toml pins; then nothing is written in its folder
    """
    parser = argparse.ArgumentParser(description="Make the folders of pinned copies again.")
    parser.add_argument("--update", action="store_true", help="pin the packages' checksums instead of comparing them")
    parser.add_argument("--packages", type=Path, help="folder with the .tgz files of `npm pack`")
    options = parser.parse_args(arguments)
    for vendor in vendors:
        make(vendor, update=options.update, packed_in=options.packages)


def make(vendor: Path, *, update: bool, packed_in: Path | None) -> None:
    """Make one folder again.

    Parameters
    ----------
    vendor
        the folder, with its VENDORED.toml
    update
        whether to pin the packages' checksums instead of comparing them
    packed_in
        a folder with the .tgz files of `npm pack`; None to fetch them

    Raises
    ------
    ChecksumError
        if a package or a file is not what VENDORED.toml pins; then nothing is written
    """
    table = (vendor / "VENDORED.toml").read_text(encoding="utf-8")
    made: dict[Path, bytes] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for package in packages(vendor):
            packed = archive(package, packed_in) if packed_in else fetch(package, Path(scratch))
            taken = contents(package, packed)
            found = {"package": sha256(packed.read_bytes())} | {name: sha256(body) for name, body in taken.items()}
            pinned = {"package": package["sha256"]} | {file["name"]: file["sha256"] for file in package["files"]}
            if update:
                table = with_checksums(table, package["name"], found)
            elif found != pinned:
                names = ", ".join(name for name in found if found[name] != pinned[name])
                message = f"{packed.name} is not what VENDORED.toml pins: {names}"
                raise ChecksumError(message)
            made |= {place(package, name, vendor): body for name, body in taken.items()}
    for path, body in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        sys.stdout.write(f"{path.relative_to(vendor)}  {len(body):,} bytes\n")
    (vendor / "VENDORED.toml").write_text(table, encoding="utf-8")


def with_checksums(table: str, package: str, found: dict[str, str]) -> str:
    """Put checksums into the text of VENDORED.toml and leave the rest, comments included, as it is."""
    before, heading, after = table.partition(f'name = "{package}"\n')
    block, separator, rest = after.partition("[[package]]")
    block = re.sub(r'^sha256 = "\w*"', f'sha256 = "{found["package"]}"', block, flags=re.MULTILINE)
    for name, digest in found.items():
        block = re.sub(rf'(name = "{re.escape(name)}", sha256 = )"\w*"', rf'\g<1>"{digest}"', block)
    return before + heading + block + separator + rest


if __name__ == "__main__":
    main()
