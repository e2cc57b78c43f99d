"""GET /metrics tells what the service has done."""

from tests.gates.test_meters import numbers
from tests.inprocess import a_client

BATCH = {"x": [[0, 1]], "y": [[0.5, 0.5]]}


def test_what_was_asked_is_counted_by_route() -> None:
    with a_client() as client:
        assert client.loss(**BATCH).status_code == 200
        assert client.loss(x=[[0, 1]]).status_code == 422
        assert client.request("HEAD", "/losses/mse").status_code == 200
        assert client.get("/secret-of-a-client").status_code == 404
        assert client.get("/problems/overflow").status_code == 200
        answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    found = numbers(answer.content)
    assert found["lossgrid_requests_total{method=POST,route=/loss,status=200}"] == 1
    assert found["lossgrid_requests_total{method=POST,route=/loss,status=422}"] == 1
    assert found["lossgrid_requests_total{method=HEAD,route=/losses/{name},status=200}"] == 1
    assert found["lossgrid_requests_total{method=GET,route=/problems/{slug},status=200}"] == 1
    assert found["lossgrid_requests_total{method=GET,route=unknown,status=404}"] == 1
    assert found["lossgrid_refusals_total{problem=missing-field}"] == 1
    assert found["lossgrid_received_bytes_total{route=/loss}"] > 0
    assert found["lossgrid_waiting_requests{}"] == found["lossgrid_computing_requests{}"] == 0
    assert "secret" not in answer.text


def test_what_the_work_consists_of_is_timed() -> None:
    with a_client() as client:
        client.loss(**BATCH)
        client.request("POST", "/loss/identify", json={**BATCH, "observed": 0.25})
        client.raw(b"{")
        found = numbers(client.get("/metrics").content)
    counts = {
        stage: found[f"lossgrid_stage_duration_seconds_count{{stage={stage}}}"] for stage in ("decode", "compute")
    }
    assert counts == {"decode": 3, "compute": 2}
    assert found["lossgrid_stage_duration_seconds_count{stage=encode}"] == 2
    assert 0 < found["lossgrid_stage_duration_seconds_sum{stage=compute}"] < 60
