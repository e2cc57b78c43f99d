"""scripts/vendor_docs.py: what is pinned is what is written, and nothing else."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from scripts.vendor_docs import ChecksumError, main, packages, wrong_files

TABLE = """\
# A comment that stays.

[[package]]
name = "one"
version = "1.0.0"
licence = "MIT"
sha256 = ""
files = [
    { name = "dist/one.js", sha256 = "" },
    { name = "LICENSE", sha256 = "" },
]
changes = [{ file = "dist/one.js", find = "there", put = "here", because = "of the test" }]

[[package]]
name = "@of/two"
version = "2.0.0"
licence = "MIT"
sha256 = ""
files = [{ name = "LICENSE", sha256 = "" }]
changes = []
"""


def pack(folder: Path, name: str, files: dict[str, bytes]) -> None:
    with tarfile.open(folder / f"{name}.tgz", "w:gz") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Make the archives of two packages."""
    folder = tmp_path / "packed"
    folder.mkdir()
    pack(folder, "one-1.0.0", {"dist/one.js": b"go there", "dist/two.js": b"not wanted", "LICENSE": b"MIT one"})
    pack(folder, "of-two-2.0.0", {"LICENSE": b"MIT two"})
    return folder


@pytest.fixture
def vendor(tmp_path: Path, packed: Path) -> Path:
    """Make a folder of pinned copies of them."""
    folder = tmp_path / "vendor"
    folder.mkdir()
    (folder / "VENDORED.toml").write_text(TABLE, encoding="utf-8")
    main(["--update", "--packages", str(packed)], vendors=[folder])
    return folder


def test_the_folder_holds_what_the_table_names_with_its_changes(vendor: Path) -> None:
    kept = {path.relative_to(vendor).as_posix(): path.read_bytes() for path in vendor.rglob("*") if path.is_file()}
    del kept["VENDORED.toml"]
    assert kept == {"one/one.js": b"go here", "one/LICENSE": b"MIT one", "of-two/LICENSE": b"MIT two"}
    assert wrong_files(vendor) == []


def test_pinning_writes_checksums_and_leaves_the_rest(vendor: Path) -> None:
    text = (vendor / "VENDORED.toml").read_text(encoding="utf-8")
    digests = [row["sha256"] for row in packages(vendor)] + [
        f["sha256"] for row in packages(vendor) for f in row["files"]
    ]
    assert [len(digest) for digest in digests] == [64] * 5
    assert len(set(digests)) == 5
    for digest in digests:
        text = text.replace(digest, "")
    assert text == TABLE


def test_the_folder_can_be_made_again_from_the_table(vendor: Path, packed: Path) -> None:
    shutil.rmtree(vendor / "one")
    main(["--packages", str(packed)], vendors=[vendor])
    assert wrong_files(vendor) == []


def test_a_package_that_has_changed_is_refused_whole(vendor: Path, packed: Path) -> None:
    pack(packed, "of-two-2.0.0", {"LICENSE": b"another"})
    with pytest.raises(ChecksumError, match=r"of-two-2\.0\.0\.tgz is not what VENDORED\.toml pins: package, LICENSE"):
        main(["--packages", str(packed)], vendors=[vendor])
    assert wrong_files(vendor) == []


def test_a_change_that_does_not_fit_any_more_is_refused(vendor: Path, packed: Path) -> None:
    pack(packed, "one-1.0.0", {"dist/one.js": b"go elsewhere", "LICENSE": b"MIT one"})
    with pytest.raises(ChecksumError, match="'there' does not stand there exactly once"):
        main(["--update", "--packages", str(packed)], vendors=[vendor])


def test_what_is_wrong_is_named(vendor: Path) -> None:
    (vendor / "one" / "one.js").write_bytes(b"go there")
    (vendor / "of-two" / "LICENSE").unlink()
    (vendor / "of-two" / "stranger.js").write_bytes(b"")
    assert wrong_files(vendor) == [
        "one/one.js is not what VENDORED.toml says",
        "of-two/LICENSE is missing",
        "of-two/stranger.js is not in VENDORED.toml",
    ]
