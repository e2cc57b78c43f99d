"""``python -m app.health_probe``: is the service on this machine alive? The container's HEALTHCHECK runs it.

It asks ``/healthz`` (liveness: a draining service is not ready, but well) and ends with 0 if the answer is 200, else
with 1 and one line on stderr. Every few seconds a new process does this, so it knows the standard library and nothing
else: no NumPy, no settings class, no web framework.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from contextlib import closing

__all__ = ["main", "reached", "trouble"]

TIMEOUT_SECONDS = 2.0
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, never bound


def reached(host: str) -> str:
    """Say where a service that listens on an address, or on every interface, is reached from its own machine."""
    return LOOPBACK.get(host, host)


def trouble(environment: Mapping[str, str]) -> str | None:
    """Say what is wrong with the service that was started in this environment, or nothing if it is alive.

    Parameters
    ----------
    environment
        LOSSGRID_HOST and LOSSGRID_PORT say where it listens. LOSSGRID_ROOT_PATH does not matter: the prefix belongs to
        the proxy in front, and the service answers without it as well.
    """
    host = environment.get("LOSSGRID_HOST", "127.0.0.1")
    port = environment.get("LOSSGRID_PORT", "8000")
    try:
        connection = http.client.HTTPConnection(reached(host), int(port), timeout=TIMEOUT_SECONDS)
        with closing(connection):
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"no answer from {host} port {port}: {type(error).__name__}: {error}"
    return None if status == http.client.OK else f"/healthz answered {status}"


def main() -> int:
    """Return the exit code for this process's environment."""
    message = trouble(os.environ)
    if message is not None:
        sys.stderr.write(f"{message}\n")
    return 0 if message is None else 1


if __name__ == "__main__":
    sys.exit(main())
