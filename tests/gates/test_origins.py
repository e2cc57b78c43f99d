"""Pages of listed origins may read the answers, those of others may not, and nobody is refused for it."""

import asyncio

import pytest

from app.gates import Journal, Origins
from tests.gates.asgi import Connection, silent

LISTED = ("https://example.org", "http://localhost:5173")


def granted(
    origin: str | None, *, origins: tuple[str, ...] = LISTED, method: str = "POST", **more: str
) -> dict[str, str]:
    """Give the CORS headers, and Vary, of the answer to a request from an origin."""
    headers = ({} if origin is None else {"origin": origin}) | {
        name.replace("_", "-"): text for name, text in more.items()
    }
    connection = Connection(headers=headers, method=method).through(Origins(silent, origins=origins))
    assert connection.status == 200
    return connection.answered


@pytest.mark.parametrize("origin", LISTED)
def test_a_listed_origin_may_read(origin: str) -> None:
    found = granted(origin)
    assert found["access-control-allow-origin"] == origin
    assert found["vary"] == "Origin"
    assert "X-Request-Id" in found["access-control-expose-headers"]
    assert "Retry-After" in found["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in found


@pytest.mark.parametrize(
    "origin", [None, "null", "https://example.com", "http://example.org", "https://example.org.evil"]
)
def test_another_may_not(origin: str | None) -> None:
    assert granted(origin) == {"vary": "Origin"}


def test_with_a_star_everybody_may() -> None:
    found = granted("https://anywhere.example", origins=("*",))
    assert found["access-control-allow-origin"] == "*"
    assert "vary" not in found
    assert granted(None, origins=("*",)) == {}


def test_a_preflight_is_told_what_may_be_sent() -> None:
    found = granted(LISTED[0], method="OPTIONS", access_control_request_method="POST")
    assert found["access-control-allow-methods"] == "GET, HEAD, POST"
    assert "Authorization" in found["access-control-allow-headers"]
    assert "Content-Type" in found["access-control-allow-headers"]
    assert "access-control-max-age" in found
    plain = granted(LISTED[0], method="OPTIONS")
    assert "access-control-allow-methods" not in plain
    other = granted("https://example.com", method="OPTIONS", access_control_request_method="POST")
    assert other == {"vary": "Origin"}


def test_a_refusal_may_be_read_too() -> None:
    async def failing(*_: object) -> None:
        raise ZeroDivisionError

    connection = Connection(headers={"origin": LISTED[0]}).through(Origins(Journal(failing), origins=LISTED))
    assert connection.status == 500
    assert connection.answered["access-control-allow-origin"] == LISTED[0]


def test_what_is_not_http_passes() -> None:
    seen: list[object] = []

    async def app(scope: object, _: object, __: object) -> None:
        seen.append(scope)

    asyncio.run(Origins(app, origins=LISTED)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]  # they are not called
    assert seen == [{"type": "lifespan"}]
