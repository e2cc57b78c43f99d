"""How many requests are computed at once, whichever endpoint they ask."""

import asyncio
import threading
import time

import httpx
import pytest

from tests.inprocess import an_app

NOT_BRIEF: dict[str, list[str]] = {"include": []}
"""A body that is not answered in the event loop."""


@pytest.mark.parametrize("threads", [1, 2])
def test_the_endpoints_share_their_threads(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    lock = threading.Lock()
    busy, most = 0, 0

    def answer(*_: object, **__: object) -> bytes:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.05)
        with lock:
            busy -= 1
        return b"{}"

    monkeypatch.setattr("app.api.loss.answer", answer)
    monkeypatch.setattr("app.api.identify.answer", answer)

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(an_app(computing_threads=threads))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            paths = ["/loss", "/loss/identify"] * 3
            return [
                one.status_code for one in await asyncio.gather(*(client.post(path, json=NOT_BRIEF) for path in paths))
            ]

    assert asyncio.run(ask()) == [200] * 6
    assert most == threads
