"""Traces are made where OpenTelemetry is told where they go, and of nothing that a client made up."""

import pytest

from app.api.telemetry import telemetry
from tests.inprocess import a_client, an_app

ENDPOINT = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ENDPOINT}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_an_endpoint_makes_them_wanted(environment: dict[str, str], wanted: bool) -> None:  # noqa: FBT001 - a column of the table
    found = telemetry(environment, "")
    assert (found is not None) == wanted
    assert ("OTEL_EXPORTER_OTLP_TIMEOUT" in environment) == wanted


def test_a_timeout_that_is_set_stays() -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_EXPORTER_OTLP_TIMEOUT": "9"}
    telemetry(environment, "")
    assert environment["OTEL_EXPORTER_OTLP_TIMEOUT"] == "9"


@pytest.mark.parametrize(
    ("path", "left_out"), [("/healthz", True), ("/grid/metrics", True), ("/grid/loss", False), ("/loss/readyz", False)]
)
def test_probes_are_left_out(path: str, left_out: bool) -> None:  # noqa: FBT001 - a column of the table
    config = telemetry({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, "/grid")
    assert config is not None
    assert config["exclude"] is not None
    assert config["exclude"]({"type": "http", "path": path}) is left_out
    assert config["exclude"]({"type": "lifespan"}) is False


def test_only_traces_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    assert an_app().state.traced is False
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", ENDPOINT)
    assert an_app().state.traced is True
    config = telemetry({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, "")
    assert config is not None
    assert (config["metrics"], config["logs"]) == (False, False)


def test_a_request_is_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `telemetry` is not installed")
    exporting = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from opentelemetry.trace import set_tracer_provider  # noqa: PLC0415 - only where it matters

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", ENDPOINT)
    exporter, provider = memory.InMemorySpanExporter(), trace.TracerProvider()
    provider.add_span_processor(exporting.SimpleSpanProcessor(exporter))
    set_tracer_provider(provider)
    parent = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with a_client() as client:
        batch = {"x": [[0, 1]], "y": [[0.5, 0.5]]}
        answer = client.request("POST", "/loss?beta=0.125", json=batch, headers=parent)
        client.get("/secret")
        client.get("/healthz")
    spans = {span.name: span for span in exporter.get_finished_spans()}
    span = spans["POST /loss"]
    assert span.context.trace_id == int("a" * 32, 16)
    assert span.attributes["http.route"] == span.attributes["url.path"] == "/loss"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["lossgrid.request_id"] == answer.headers["x-request-id"]
    assert span.attributes["lossgrid.compute_seconds"] > 0
    assert "GET" in spans
    assert not any("healthz" in name for name in spans)
    told = str([dict(span.attributes) for span in spans.values()])
    assert "secret" not in told
    assert "0.125" not in told
