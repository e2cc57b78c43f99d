"""GET /healthz and GET /readyz."""

from pathlib import Path

from tests.inprocess import InProcess, a_client
from tests.refusals import assert_problem


def test_a_service_that_runs_is_alive_and_ready(client: InProcess) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/readyz").headers["cache-control"] == "no-store"


def test_a_service_that_stops_is_alive_but_not_ready() -> None:
    with a_client() as client:
        client.app.state.ready = False
        answer = client.get("/readyz")
        assert_problem(answer, "not-ready")
        assert answer.headers["retry-after"] == "5"
        assert client.get("/healthz").status_code == 200


def test_a_service_without_a_place_for_large_bodies_is_alive_but_not_ready(tmp_path: Path) -> None:
    place = tmp_path / "spool"
    place.mkdir()
    with a_client(spool_directory=str(place)) as client:
        assert client.get("/readyz").status_code == 200
        place.rmdir()
        answer = client.get("/readyz")
        assert answer.json()["type"] == "/problems/spool-full"
        assert answer.headers["retry-after"]
        assert client.get("/healthz").status_code == 200
