"""Traces by OpenTelemetry, where the environment says where they go: FastAPI's own, told what to leave out."""

from collections.abc import MutableMapping
from typing import Any, Final

from fastapi.telemetry import TelemetryConfig

__all__ = ["telemetry"]

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TIMEOUT: Final = "OTEL_EXPORTER_OTLP_TIMEOUT"
_TIMEOUT_SECONDS: Final = "1"
_UNTRACED: Final = frozenset({"/healthz", "/metrics", "/readyz"})


def telemetry(environment: MutableMapping[str, str], root_path: str) -> TelemetryConfig | None:
    """Give what ``FastAPI(telemetry=...)`` is told; None if nothing is wanted.

    Only traces leave: no bodies, no log records (they would hold the texts of exceptions), and no metrics, which are at
    /metrics. What is asked for every few seconds is left out.

    Parameters
    ----------
    environment
        Variables of OpenTelemetry (OTEL_*): an endpoint of the OTLP exporter makes it wanted. Where no timeout is set,
        one is: with the exporter's own of 10 s, a collector that is away would hold up the exit for 20.
    root_path
        The prefix under which a proxy shows the service.
    """
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(environment.get(name) for name in _ENDPOINTS):
        return None
    environment.setdefault(_TIMEOUT, _TIMEOUT_SECONDS)

    def exclude(scope: MutableMapping[str, Any]) -> bool:
        path: str = scope.get("path", "")
        return path in _UNTRACED or path.removeprefix(root_path) in _UNTRACED

    return {"auto_configure": True, "metrics": False, "logs": False, "exclude": exclude}
