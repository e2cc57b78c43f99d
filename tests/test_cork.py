"""Heads that leave with their bodies, seen by what a transport is told to write."""

import asyncio
from unittest.mock import Mock, call

import pytest

from app.cork import Cork

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
BOTH = call.writelines((HEAD, b"body"))


@pytest.fixture
def transport() -> Mock:
    return Mock(spec=asyncio.Transport)


@pytest.fixture
def cork(transport: Mock) -> Cork:
    return Cork(transport)


def test_a_head_leaves_with_the_first_piece_of_its_body(cork: Cork, transport: Mock) -> None:
    cork.write(HEAD)
    assert transport.mock_calls == []
    cork.write(b"body")
    assert transport.mock_calls == [BOTH]
    cork.write(b"more")
    assert transport.mock_calls == [BOTH, call.write(b"more")]


def test_the_next_answer_begins_anew(cork: Cork, transport: Mock) -> None:
    for _ in range(2):
        cork.write(HEAD)
        cork.write(b"body")
        cork.end()
    assert transport.mock_calls == [BOTH] * 2


def test_a_head_without_a_body_leaves_at_the_end(cork: Cork, transport: Mock) -> None:
    cork.write(HEAD)
    cork.end()
    cork.end()
    assert transport.mock_calls == [call.write(HEAD)]


def test_leave_to_go_on_waits_for_nothing(cork: Cork, transport: Mock) -> None:
    cork.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert transport.mock_calls == [call.write(b"HTTP/1.1 100 Continue\r\n\r\n")]
    cork.write(HEAD)
    cork.write(b"body")
    assert transport.mock_calls[1:] == [BOTH]


def test_what_was_kept_is_sent_before_the_connection_is_closed(cork: Cork, transport: Mock) -> None:
    cork.write(HEAD)
    cork.close()
    assert transport.mock_calls == [call.write(HEAD), call.close()]


@pytest.mark.parametrize("closing", [False, True])
def test_it_knows_whether_the_connection_is_being_closed(cork: Cork, transport: Mock, *, closing: bool) -> None:
    transport.is_closing.return_value = closing
    assert cork.is_closing() is closing
