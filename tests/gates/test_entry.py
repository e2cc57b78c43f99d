"""What is noted of a request is ours: templates, sizes and names, and nothing that a client made up."""

import pytest

from app.gates.entry import UNKNOWN_ROUTE, Entry, entry_of, routes_of

ROUTES = routes_of(["/losses", "/losses/{name}", "/a.b/{one}/{two}", "/web/0123/page.css"])


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/losses", "/losses"),
        ("/losses/mse", "/losses/{name}"),
        ("/losses/mse\nstatus=200", "/losses/{name}"),
        ("/losses/a/b", UNKNOWN_ROUTE),
        ("/losses/", UNKNOWN_ROUTE),
        ("/a.b/1/2", "/a.b/{one}/{two}"),
        ("/axb/1/2", UNKNOWN_ROUTE),
        ("/web/0123/page.css", "/web/{file}"),
        ("/web/4567/page.css", UNKNOWN_ROUTE),
        ("", UNKNOWN_ROUTE),
    ],
)
def test_a_path_has_the_template_of_its_route(path: str, route: str) -> None:
    assert ROUTES(path) == route


def test_an_entry_is_found_again_and_knows_the_path_below_the_prefix() -> None:
    scope = {"method": "GET", "path": "/grid/losses", "root_path": "/grid", "client": ("10.0.0.1", 5)}
    entry = Entry.of(scope, ROUTES)
    assert entry_of(scope) is entry
    assert (entry.method, entry.route, entry.client) == ("GET", "/losses", "10.0.0.1")


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("not: an address", "not: an address"),
    ],
)
def test_an_address_is_the_same_whatever_socket_it_comes_from(told: str, client: str) -> None:
    assert Entry.of({"method": "GET", "path": "/", "client": (told, 5)}, ROUTES).client == client


def test_a_method_that_nobody_knows_is_not_repeated() -> None:
    assert Entry.of({"method": "BREW", "path": "/", "client": None}, ROUTES).method == "other"


def test_without_a_journal_there_is_an_entry_that_nobody_reads() -> None:
    scope: dict[str, object] = {}
    assert entry_of(scope).problem == ""
    assert entry_of(scope).name == entry_of(scope).name


def test_an_entry_adds_up_what_is_sent() -> None:
    entry = Entry("urn:uuid:0")
    entry.note({"type": "http.response.start", "status": 201})
    entry.note({"type": "http.response.body", "body": b"ab", "more_body": True})
    assert not entry.ended
    entry.note({"type": "http.response.body", "body": b"c"})
    assert (entry.status, entry.bytes_out) == (201, 3)
    assert entry.seconds >= 0
