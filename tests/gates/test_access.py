"""Who has no token that is known, or comes too often, does not get in; and the file of tokens can change."""

import json
import logging
import os
from pathlib import Path

import pytest

from app.gates import Access, Journal
from app.gates.access import LARGEST_FILE_BYTES, LOOK_SECONDS, MOST_CLIENTS, Rate, Tokens, UnusableTokensError
from app.gates.entry import Entry, routes_of
from app.problems import RefusedError
from tests.gates.asgi import Connection, silent

FIRST, SECOND = "first-token-0123456789", "second/token+0123456789=="
ROUTES = routes_of(["/loss", "/docs", "/losses/{name}"])
OPENED = frozenset({"/docs", "/losses/{name}"})


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def written(folder: Path, *lines: str) -> Path:
    """Write a file of tokens."""
    path = folder / "tokens"
    path.write_text("".join(f"{line}\n" for line in lines), "ascii")
    return path


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> Tokens:
    """Read two tokens, the second with a name."""
    return Tokens(written(tmp_path, "# ours", "", FIRST, f"team-b  {SECOND}"), clock=clock)


def asked(  # noqa: PLR0913 - what a request may differ in
    tokens: Tokens | None = None,
    rate: Rate | None = None,
    *,
    path: str = "/loss",
    method: str = "POST",
    client: str = "10.0.0.1",
    authorization: str | None = None,
) -> tuple[Connection, Entry]:
    """Send a request through the gate, and give its connection and entry."""
    closed: list[Entry] = []
    gate = Access(silent, tokens=tokens, rate=rate, opened=OPENED)
    headers = {} if authorization is None else {"authorization": authorization}
    connection = Connection(headers=headers, method=method, path=path, client=client)
    connection.through(Journal(gate, route_of=ROUTES, closed=[closed.append]))
    return connection, closed[0]


@pytest.mark.parametrize(
    ("token", "name"), [(FIRST, "line-3"), (SECOND, "team-b"), (FIRST[:-1], None), ("", None), ("team-b", None)]
)
def test_a_token_of_the_file_is_known_by_its_name(tokens: Tokens, token: str, name: str | None) -> None:
    assert tokens.name_of(token.encode()) == name


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_who_has_a_token_gets_in_and_is_named(tokens: Tokens, scheme: str) -> None:
    connection, entry = asked(tokens, authorization=scheme + SECOND)
    assert connection.status == 200
    assert entry.token == "team-b"  # noqa: S105 - a name


@pytest.mark.parametrize(
    ("authorization", "wrong"),
    [
        (None, ""),
        ("", ""),
        (SECOND, ""),
        (f"Basic {SECOND}", ""),
        (f"Bearer {FIRST} {SECOND}", ""),
        (f"Bearer {FIRST}, Bearer {FIRST}", ""),
        ("Bearer caf\u00e9", ""),
        (f"Bearer {FIRST}x", ', error="invalid_token"'),
    ],
)
def test_who_has_none_is_told_what_is_wanted(tokens: Tokens, authorization: str | None, wrong: str) -> None:
    connection, entry = asked(tokens, authorization=authorization)
    assert connection.status == 401
    assert connection.answered["www-authenticate"] == f'Bearer realm="lossgrid"{wrong}'
    assert json.loads(connection.body)["type"] == "/problems/unauthorized"
    assert FIRST.encode() not in connection.body
    assert entry.token == ""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/docs", 200),
        ("HEAD", "/docs", 200),
        ("GET", "/losses/mse", 200),
        ("OPTIONS", "/loss", 200),
        ("POST", "/docs", 401),
        ("GET", "/loss", 401),
        ("GET", "/nowhere", 401),
        ("DELETE", "/losses/mse", 401),
    ],
)
def test_what_is_open_may_be_read_without(tokens: Tokens, method: str, path: str, status: int) -> None:
    assert asked(tokens, Rate(1), method=method, path=path)[0].status == status


def test_without_a_journal_the_gate_works_as_well(tokens: Tokens) -> None:
    with pytest.raises(RefusedError):
        Connection().through(Access(silent, tokens=tokens, rate=None))


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "holds none"),
        (["# nothing", "", "   "], "holds none"),
        (["two words too-many"], "line 1 of the file"),
        ([FIRST, "naught y\u0021 token"], "line 2 of the file"),
        (["name!with?marks token-0123456789-0123456789"], "line 1 of the file"),
        (["t{oken}"], "line 1 of the file"),
    ],
)
def test_a_file_that_is_none_is_refused_without_a_word_of_it(tmp_path: Path, lines: list[str], complaint: str) -> None:
    with pytest.raises(UnusableTokensError) as refusal:
        Tokens(written(tmp_path, *lines))
    assert complaint in str(refusal.value)
    assert "oken}" not in str(refusal.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableTokensError, match="cannot be read: No such file"):
        Tokens(tmp_path / "nowhere")
    (tmp_path / "latin").write_bytes(b"caf\xe9-0123456789-0123456789\n")
    with pytest.raises(UnusableTokensError, match="ASCII"):
        Tokens(tmp_path / "latin")
    (tmp_path / "large").write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
    with pytest.raises(UnusableTokensError, match="bytes"):
        Tokens(tmp_path / "large")


def test_tokens_that_can_be_guessed_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens(written(tmp_path, "secret", FIRST))
    assert tokens.name_of(b"secret") == "line-1"
    assert "1 of 2 tokens" in caplog.text
    assert "secret" not in caplog.text


def test_a_changed_file_is_read_anew(
    tmp_path: Path, tokens: Tokens, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lossgrid")
    written(tmp_path, f"third {FIRST}")
    assert tokens.name_of(FIRST.encode()) == "line-3"  # it is not looked at again so soon
    clock.now += LOOK_SECONDS
    assert tokens.name_of(FIRST.encode()) == "third"
    assert tokens.name_of(SECOND.encode()) is None
    assert "1 tokens" in caplog.text


def test_a_file_that_is_replaced_through_a_link_is_read_anew(tmp_path: Path, clock: Clock) -> None:
    """As Kubernetes changes a mounted secret."""
    for name, token in (("old", FIRST), ("new", SECOND)):
        (tmp_path / name).write_text(f"{token}\n", "ascii")
        os.utime(tmp_path / name, (1, 1))
    link = tmp_path / "link"
    link.symlink_to("old")
    tokens = Tokens(link, clock=clock)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").replace(link)
    clock.now += LOOK_SECONDS
    assert tokens.name_of(SECOND.encode()) == "line-1"


@pytest.mark.parametrize("content", [None, "", "two words too-many\n"])
def test_a_file_that_cannot_be_used_any_more_changes_nothing(
    tmp_path: Path, tokens: Tokens, clock: Clock, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    path = tmp_path / "tokens"
    path.unlink()
    if content is not None:
        path.write_text(content, "ascii")
    for _ in range(3):
        clock.now += LOOK_SECONDS
        assert tokens.name_of(FIRST.encode()) == "line-3"
    assert caplog.text.count("stay as they were") == 1
    written(tmp_path, f"back {SECOND}")
    clock.now += LOOK_SECONDS
    assert tokens.name_of(SECOND.encode()) == "back"


@pytest.mark.parametrize("per_minute", [1, 7, 60, 1000])
def test_a_minutes_requests_may_come_at_once_and_no_more(clock: Clock, per_minute: int) -> None:
    rate = Rate(per_minute, clock=clock)
    for _ in range(per_minute):
        rate.take("a")
    with pytest.raises(RefusedError) as refusal:
        rate.take("a")
    rate.take("b")
    wait = int(refusal.value.problem.headers["Retry-After"])
    assert 0 <= wait - 60 / per_minute < 1
    assert f"{per_minute} requests a minute (LOSSGRID_RATE_PER_MINUTE)" in refusal.value.problem.detail
    clock.now += wait
    rate.take("a")


def test_who_rests_for_a_minute_has_it_all_again(clock: Clock) -> None:
    rate = Rate(10, clock=clock)
    for _ in range(5):
        assert [asked(None, rate)[0].status for _ in range(11)] == [200] * 10 + [429]
        clock.now += 60


def test_so_many_clients_are_known_and_the_longest_unseen_is_forgotten(clock: Clock) -> None:
    rate = Rate(1, clock=clock)
    for number in range(MOST_CLIENTS + 1):
        rate.take(str(number))
    rate.take("0")
    with pytest.raises(RefusedError):
        rate.take(str(MOST_CLIENTS))


def test_a_token_is_one_client_wherever_it_comes_from(tokens: Tokens, clock: Clock) -> None:
    rate = Rate(2, clock=clock)
    sent = [
        asked(tokens, rate, client=f"10.0.0.{number}", authorization=f"Bearer {FIRST}")[0].status for number in range(3)
    ]
    assert sent == [200, 200, 429]
    assert asked(tokens, rate, authorization=f"Bearer {SECOND}")[0].status == 200


def test_who_tries_tokens_out_is_held_up(tokens: Tokens, clock: Clock) -> None:
    rate = Rate(2, clock=clock)
    sent = [asked(tokens, rate, authorization=f"Bearer {number:020}")[0].status for number in range(3)]
    assert sent == [401, 401, 429]


@pytest.mark.parametrize(
    ("clients", "statuses"),
    [
        (("10.0.0.1", "10.0.0.2"), [200, 200]),
        (("10.0.0.1", "10.0.0.1"), [200, 429]),
        (("::ffff:10.0.0.1", "::ffff:10.0.0.2"), [200, 200]),
        (("::ffff:10.0.0.1", "10.0.0.1"), [200, 429]),
        (("2001:db8::1", "2001:db8::ffff:1"), [200, 429]),
        (("2001:db8::1", "2001:db8:0:1::1"), [200, 200]),
        (("", ""), [200, 429]),
    ],
)
def test_without_tokens_an_address_is_a_client(clock: Clock, clients: tuple[str, str], statuses: list[int]) -> None:
    rate = Rate(1, clock=clock)
    assert [asked(None, rate, client=client)[0].status for client in clients] == statuses


def test_the_answer_says_how_long_to_wait(clock: Clock) -> None:
    rate = Rate(1, clock=clock)
    asked(None, rate)
    connection, entry = asked(None, rate)
    assert connection.answered["retry-after"] == "60"
    assert entry.problem == "too-many-requests"
    assert json.loads(connection.body)["detail"].endswith("(LOSSGRID_RATE_PER_MINUTE); wait 60 s.")


def test_what_is_not_http_passes(tokens: Tokens) -> None:
    connection = Connection(kind="lifespan")
    connection.through(Access(silent, tokens=tokens, rate=None))
    assert connection.status == 200
