"""What has happened is counted once, under labels of ours, by one process or by several."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

from app.gates.entry import Entry
from app.gates.meters import MEDIA_TYPE, SHARED, Meters, folder_of_workers, forget, prepare, reserve
from app.problems import KINDS

ROOT = Path(__file__).parents[2]
MIB = 2**20


def numbers(page: bytes) -> dict[str, float]:
    """Read a page: numbers by the name of the series and its labels, in the order of their names."""
    found = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def entry(**fields: object) -> Entry:
    made = Entry(
        "urn:uuid:0", method="POST", route="/loss", status=200, bytes_in=MIB, bytes_out=10, began=1, ended=1.02
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_request_is_counted_and_timed() -> None:
    meters = Meters("1.2.3")
    meters.observe(entry(stages={"decode": 0.004, "compute": 0.008, "encode": 0.0003}))
    meters.observe(entry(stages={"decode": 0.004}))
    meters.observe(entry(status=422, problem="overflow", bytes_in=0))
    meters.observe(entry(method="GET", route="unknown", status=404, problem="not-found", bytes_in=0))
    found = numbers(meters.page())
    assert found["lossgrid_requests_total{method=POST,route=/loss,status=200}"] == 2
    assert found["lossgrid_requests_total{method=POST,route=/loss,status=422}"] == 1
    assert found["lossgrid_requests_total{method=GET,route=unknown,status=404}"] == 1
    assert found["lossgrid_request_duration_seconds_count{route=/loss}"] == 3
    assert abs(found["lossgrid_request_duration_seconds_sum{route=/loss}"] - 0.06) < 1e-9
    assert found["lossgrid_request_duration_seconds_bucket{le=0.01,route=/loss}"] == 0
    assert found["lossgrid_request_duration_seconds_bucket{le=0.025,route=/loss}"] == 3
    assert found["lossgrid_stage_duration_seconds_count{stage=decode}"] == 2
    assert found["lossgrid_stage_duration_seconds_count{stage=compute}"] == 1
    assert found["lossgrid_received_bytes_total{route=/loss}"] == 2 * MIB
    assert found["lossgrid_sent_bytes_total{route=/loss}"] == 30
    assert found["lossgrid_refusals_total{problem=overflow}"] == 1
    assert found["lossgrid_refusals_total{problem=not-found}"] == 1
    (built,) = (name for name in found if name.startswith("lossgrid_build_info"))
    assert "version=1.2.3" in built


def test_the_process_itself_is_seen() -> None:
    found = numbers(Meters("0").page())
    assert found["process_resident_memory_bytes{}"] > MIB
    assert found["process_open_fds{}"] > 0


def test_two_applications_count_for_themselves() -> None:
    first, second = Meters("0"), Meters("0")
    first.observe(entry())
    assert "lossgrid_requests_total{" not in second.page().decode()


def test_a_request_waits_then_is_computed_then_is_gone() -> None:
    meters = Meters("0")

    def now() -> tuple[float, float]:
        found = numbers(meters.page())
        return found["lossgrid_waiting_requests{}"], found["lossgrid_computing_requests{}"]

    with meters.work() as first, meters.work():
        assert now() == (2, 0)
        first.begin()
        first.begin()
        assert now() == (1, 1)
    assert now() == (0, 0)
    with meters.work() as late:
        pass
    late.begin()  # its client has left, and its thread has not noticed
    assert now() == (0, 0)


WORKER = """
import multiprocessing
import sys
from pathlib import Path
from app.gates.entry import Entry
from app.gates.meters import Meters, prepare

multiprocessing.current_process().name = sys.argv[2]
prepare(Path(sys.argv[1]))
meters = Meters("0")
meters.observe(Entry("urn:uuid:0", method="POST", route="/loss", status=200, bytes_in=5, began=1, ended=1.02))
with meters.work() as work:
    work.begin()
    print(meters.page().decode(), flush=True)
    sys.stdin.read()
"""

READER = """
import sys
from pathlib import Path
from app.gates.meters import Meters, forget, prepare

prepare(Path(sys.argv[1]))
for name in sys.argv[2:]:
    forget(name)
print(Meters("0").page().decode())
"""


def test_several_workers_add_up_and_one_that_dies_leaves_its_sums() -> None:
    with folder_of_workers() as folder:
        reserve(folder, ["1", "2"])
        workers, page = [], b""
        for name in ("1", "2"):
            command = [sys.executable, "-c", WORKER, str(folder), name]
            worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
            assert worker.stdout
            page = b"".join(iter(worker.stdout.readline, b"\n"))
            workers.append(worker)
        found = numbers(page)
        assert found["lossgrid_requests_total{method=POST,route=/loss,status=200}"] == 2
        assert found["lossgrid_request_duration_seconds_count{route=/loss}"] == 2
        assert found["lossgrid_received_bytes_total{route=/loss}"] == 10
        assert found["lossgrid_computing_requests{}"] == 2
        assert not any(name.startswith("process_") for name in found)
        for worker in workers:
            worker.kill()
            worker.communicate()
        reader = [sys.executable, "-c", READER, str(folder), "1", "2"]
        done = subprocess.run(reader, cwd=ROOT, capture_output=True, check=True)  # noqa: S603 - ours
        left = numbers(done.stdout)
        assert left["lossgrid_requests_total{method=POST,route=/loss,status=200}"] == 2
        assert left["lossgrid_computing_requests{}"] == 0
        files = sorted(folder.iterdir())
        again = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-c", WORKER, str(folder), "2"], cwd=ROOT, capture_output=True, check=True
        )
        found = numbers(again.stdout)
        assert found["lossgrid_requests_total{method=POST,route=/loss,status=200}"] == 3
        assert found["lossgrid_computing_requests{}"] == 1
        assert sorted(folder.iterdir()) == files
    assert not folder.exists()


def test_the_room_for_all_that_is_counted_is_taken_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARED, "to be put back")
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    reserve(tmp_path, ["1"])
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert {name.rpartition("_")[2] for name in sizes} == {"1.db", f"{multiprocessing.current_process().name}.db"}
    for path in tmp_path.iterdir():
        assert path.stat().st_blocks * 512 >= path.stat().st_size, "a file with holes"
    prepare(tmp_path)
    meters = Meters("0")
    statuses = sorted({200, 204, 304, 0} | {kind.status for kind in KINDS.values()})
    for route in range(30):
        for method in ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "other"):
            for status in statuses:
                meters.observe(entry(route=f"/conventions/{{{route}}}", method=method, status=status))
    for slug in KINDS:
        meters.observe(entry(problem=slug))
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes


def test_a_process_whose_meters_are_shared_reads_them_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED, "to be put back")
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    prepare(tmp_path)
    first, second = Meters("0"), Meters("0")
    first.observe(entry())
    with first.work():
        found = numbers(second.page())
        assert found["lossgrid_requests_total{method=POST,route=/loss,status=200}"] == 1
        assert found["lossgrid_waiting_requests{}"] == 1
        forget(multiprocessing.current_process().name)
        assert "lossgrid_waiting_requests{}" not in numbers(second.page())
    assert any(tmp_path.iterdir())


def test_where_workers_have_ended_a_process_counts_for_itself_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    with folder_of_workers() as folder:
        prepare(folder)
        Meters("0").observe(entry())
        assert any(folder.iterdir())
    assert not folder.exists()
    assert SHARED not in os.environ
    alone = Meters("0")
    alone.observe(entry())
    assert numbers(alone.page())["lossgrid_requests_total{method=POST,route=/loss,status=200}"] == 1


def test_the_media_type_is_prometheus_own() -> None:
    assert MEDIA_TYPE.startswith("text/plain; version=0.0.4")
