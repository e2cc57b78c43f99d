"""Send the corpus to a service, and say what failed."""

import http.client
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from tests.hostile import of_files, of_json
from tests.hostile.case import Answer, Case, complaints

__all__ = ["LONGEST_SECONDS", "cases", "failures", "listed", "sent"]

LONGEST_SECONDS = 10.0
"""After which a case without an answer has failed."""

SLOW_SECONDS = 2.0
"""What an answer may take, with the time for others to use the machine."""


def cases() -> list[Case]:
    """Give the whole corpus, each case with a name of its own."""
    found = [*of_json.cases(), *of_files.cases()]
    twice = [name for name, count in Counter(case.name for case in found).items() if count > 1]
    assert twice == [], twice
    return found


def sent(case: Case, connection: http.client.HTTPConnection) -> Answer:
    """Send one request on a connection of its own and read the answer.

    A service may answer, and close, before it has read all of a large body; that answer counts.
    """
    connection.putrequest(case.method, case.target, skip_accept_encoding=True)
    for name, value in case.lines().items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(case.body)))
    connection.endheaders()
    with suppress(BrokenPipeError, ConnectionResetError):  # the answer may be there all the same
        connection.send(case.body)
    with connection.getresponse() as answer:
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def failures(url: str, chosen: Iterable[Case]) -> Iterator[tuple[Case, str]]:
    """Send cases, one after the other over connections that are kept where the service keeps them.

    Yields
    ------
    case, complaint
        What was wrong with the answer of which case.
    """
    address = urlsplit(url)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=LONGEST_SECONDS)
    for count, case in enumerate(chosen):
        began = time.monotonic()
        try:
            answer = sent(case, connection)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            yield case, f"no answer: {error!r}"
            continue
        took = time.monotonic() - began
        if answer.headers.get("connection") == "close" or case.headers.get("Connection") == "close":
            connection.close()
        yield from ((case, complaint) for complaint in complaints(case, answer))
        if took > SLOW_SECONDS:
            yield case, f"it took {took:.1f} s"
        if count % 100 == 0 or answer.status >= 500:
            yield from ((case, f"afterwards: {complaint}") for complaint in _ailments(url))
    connection.close()
    yield from ((case, f"afterwards: {complaint}") for case, complaint in zip(chosen, _ailments(url), strict=False))


def _ailments(url: str) -> Iterator[str]:
    """Ask whether the service is alive and computes."""
    alive = Case("alive", b"", frozenset({200}), None, method="GET", target="/healthz")
    right = Case("right", b'{"x":[[0,1],[2,3]],"y":[[1,1],[0,0]]}', frozenset({200}), value=7.0)
    address = urlsplit(url)
    assert address.hostname
    for case in (alive, right):
        connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=2)
        try:
            yield from complaints(case, sent(case, connection))
        except (OSError, http.client.HTTPException) as error:
            yield f"{case.name}: {error!r}"
        finally:
            connection.close()


def listed(found: Sequence[str], most: int = 40) -> str:
    """Write failures as lines, not too many."""
    more = [f"and {len(found) - most} more"] if len(found) > most else []
    return "\n".join([*found[:most], *more])
