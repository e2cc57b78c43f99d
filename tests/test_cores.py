"""A process uses no more cores than it may, however many its machine has."""

import os
from pathlib import Path

import pytest

from app.cores import usable_cores

V2 = "0::/a.slice/b.service\n"
V1 = "4:memory:/docker/f00\n3:cpu,cpuacct:/docker/f00\n2:cpuset:/\n0::/docker/f00\n"


@pytest.fixture(autouse=True)
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be 64 cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        (None, {}, 64),
        ("", {}, 64),
        (V2, {}, 64),
        (V2, {"a.slice/b.service/cpu.max": "max 100000"}, 64),
        (V2, {"a.slice/b.service/cpu.max": "200000 100000"}, 2),
        (V2, {"a.slice/b.service/cpu.max": "150000 100000"}, 2),
        (V2, {"a.slice/b.service/cpu.max": "10000 100000"}, 1),
        (V2, {"a.slice/b.service/cpu.max": "max 100000", "a.slice/cpu.max": "300000 100000"}, 3),
        (V2, {"a.slice/b.service/cpu.max": "400000 100000", "a.slice/cpu.max": "300000 100000"}, 3),
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"cpu.max": "9900000 100000"}, 64),
        (V2, {"a.slice/b.service/cpu.max": "what"}, 64),
        (V1, {"cpu/docker/f00/cpu.cfs_quota_us": "-1\n", "cpu/docker/f00/cpu.cfs_period_us": "100000\n"}, 64),
        (V1, {"cpu/docker/f00/cpu.cfs_quota_us": "50000\n", "cpu/docker/f00/cpu.cfs_period_us": "10000\n"}, 5),
        (V1, {"cpu/cpu.cfs_quota_us": "700000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 7),  # as a container sees it
        (V1, {"cpu/cpu.cfs_quota_us": "700000\n"}, 64),
    ],
)
def test_a_share_of_time_is_so_many_cores(
    tmp_path: Path, groups: str | None, files: dict[str, str], cores: int
) -> None:
    if groups is not None:
        (tmp_path / "groups").write_text(groups, encoding="utf-8")
    for name, text in files.items():
        (tmp_path / "mounted" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mounted" / name).write_text(text, encoding="utf-8")
    assert usable_cores(tmp_path / "groups", tmp_path / "mounted") == cores


def test_what_the_system_says_is_asked_for_by_default() -> None:
    assert 1 <= usable_cores() <= 64


def test_where_no_affinity_is_known_all_cores_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    for count, cores in ((5, 5), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert usable_cores(tmp_path, tmp_path) == cores
