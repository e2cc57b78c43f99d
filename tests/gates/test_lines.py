"""A request leaves one line, for people or for machines, and a client can write nothing into it."""

import io
import json
import logging
import logging.config
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from app.gates.entry import Entry
from app.gates.lines import FORMATTERS, JsonLines, TextLines, configuration, write

ENTRY = Entry(
    "urn:uuid:5f0c7f6e-2d1b-4b8e-9c57-3f1f3f0a8f21",
    method="POST",
    route="/loss",
    client="10.0.0.1",
    token="team",  # noqa: S106 - a name
    status=422,
    problem="shape-mismatch",
    bytes_in=10,
    bytes_out=20,
    began=1.0,
    ended=1.0123,
)
PROBE = Entry("urn:uuid:0", route="/healthz", status=200)


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """Listen to the logger of the service, at the level info."""
    log = logging.getLogger("lossgrid")
    stream, level = io.StringIO(), log.level
    handler = logging.StreamHandler(stream)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)
    log.setLevel(level)


def record(message: object, **more: Any) -> logging.LogRecord:  # noqa: ANN401 - the record's
    made = logging.LogRecord("lossgrid", logging.WARNING, "", 0, message, None, more.get("exc_info"))
    made.created = 1795449600.25
    return made


def test_a_line_for_people_says_all_of_it(heard: io.StringIO) -> None:
    write(ENTRY)
    assert heard.getvalue() == (
        "request id=urn:uuid:5f0c7f6e-2d1b-4b8e-9c57-3f1f3f0a8f21 method=POST route=/loss status=422 ms=12.3"
        " in=10 out=20 client=10.0.0.1 token=team problem=shape-mismatch\n"
    )


def test_what_is_not_there_is_a_dash(heard: io.StringIO) -> None:
    write(Entry("urn:uuid:0", route="unknown"))
    assert "status=- " in heard.getvalue()
    assert heard.getvalue().endswith("client=- token=- problem=-\n")


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (503, 1)])
def test_a_probe_that_is_well_is_only_told_of_where_more_is_wanted(heard: io.StringIO, status: int, lines: int) -> None:
    write(Entry("urn:uuid:0", route="/readyz", status=status))
    assert heard.getvalue().count("\n") == lines
    logging.getLogger("lossgrid").setLevel(logging.DEBUG)
    write(PROBE)
    assert heard.getvalue().count("\n") == lines + 1


def test_a_line_for_machines_is_json(heard: io.StringIO) -> None:
    (handler,) = (one for one in logging.getLogger("lossgrid").handlers if getattr(one, "stream", None) is heard)
    handler.setFormatter(JsonLines())
    write(ENTRY)
    (line,) = heard.getvalue().splitlines()
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {
        "level": "info",
        "message": "request",
        "id": "urn:uuid:5f0c7f6e-2d1b-4b8e-9c57-3f1f3f0a8f21",
        "method": "POST",
        "route": "/loss",
        "status": 422,
        "ms": 12.3,
        "in": 10,
        "out": 20,
        "client": "10.0.0.1",
        "token": "team",
        "problem": "shape-mismatch",
    }


def test_every_line_begins_with_its_time() -> None:
    line = TextLines()
    assert line.format(record("hello")) == "2026-11-23T16:00:00.250Z WARNING hello"
    assert line.format(record("again")) == "2026-11-23T16:00:00.250Z WARNING again"
    assert json.loads(JsonLines().format(record("hello"))) == {
        "time": "2026-11-23T16:00:00.250Z",
        "level": "warning",
        "message": "hello",
    }


@pytest.mark.parametrize("form", FORMATTERS)
def test_a_traceback_is_there(form: str) -> None:
    with pytest.raises(ZeroDivisionError) as failure:
        _ = 1 / int("0")
    told = record("failed", exc_info=(failure.type, failure.value, failure.tb))
    text = FORMATTERS[form]().format(told)
    assert "Traceback" in text
    assert "ZeroDivisionError" in text
    assert ("\n" in text) == (form == "text")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_configuration_writes_to_stderr(form: Literal["text", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    loggers = [logging.getLogger(name) for name in configuration("info", form)["loggers"]]
    before = [(log.handlers[:], log.level, log.propagate) for log in loggers]
    try:
        logging.config.dictConfig(configuration("warning", form))
        loggers[0].warning("told %s", "this")
        loggers[0].info("not this")
    finally:
        for log, (handlers, level, propagate) in zip(loggers, before, strict=True):
            log.handlers[:], log.propagate = handlers, propagate
            log.setLevel(level)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "told this" in said
    assert said.startswith("{") == (form == "json")
