"""Settings come from LOSSGRID_* and nowhere else, and none is misunderstood in silence."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import ImpossibleSettingsError, Settings, from_environment, limits, listed, table
from app.variables import variable

_A_PREFIX = 'nothing or a path that begins with a slash and does not end with one is wanted, as in "/loss"'

_NAMES = 'names or addresses without a port are wanted, with commas between, as in "loss.example.org, *.example.net"'

_PROXIES = 'addresses or networks are wanted, with commas between, as in "127.0.0.1, 10.0.0.0/8"'

_NO_LIMITS = {"port", "drain_seconds", "workers"}
"""Numbers that limit nothing that a caller may do."""


def faults(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    """Set variables, and give what is wrong with them."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImpossibleSettingsError) as refusal:
        from_environment()
    return refusal.value.faults


def test_without_variables_the_defaults_hold() -> None:
    settings = from_environment()
    assert (settings.host, settings.port, settings.root_path) == ("127.0.0.1", 8000, "")
    assert settings.max_json_bytes == 64 * 2**20


def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSGRID_MAX_JSON_BYTES", "1000")
    monkeypatch.setenv("LOSSGRID_ROOT_PATH", "/loss/grid")
    settings = from_environment()
    assert settings.max_json_bytes == 1000
    assert settings.root_path == "/loss/grid"


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        setattr(Settings(), "port", 1)  # noqa: B010 - mypy knows that it cannot be assigned


def test_an_unknown_variable_is_named_with_its_nearest_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, LOSSGRID_PROT="8000") == ["LOSSGRID_PROT is not a setting; did you mean LOSSGRID_PORT?"]


def test_a_name_in_another_case_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, lossgrid_port="1") == ["lossgrid_port is not a setting; did you mean LOSSGRID_PORT?"]


def test_a_variable_that_is_like_no_other_is_met_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, LOSSGRID_ZZZZZZZZZZZZZZZZZZZZZZZZ="1")
    assert fault.endswith(f"; there are {', '.join(variable(name) for name in Settings.model_fields)}")


def test_variables_of_the_tests_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSGRID_TEST_CHROMIUM", "/usr/bin/chromium")
    assert from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("LOSSGRID_PORT", "65536", "a whole number from 0 to 65535 is wanted"),
        ("LOSSGRID_PORT", "http", "a whole number from 0 to 65535 is wanted"),
        ("LOSSGRID_HOST", "", "it is empty; leave it out to have the default"),
        ("LOSSGRID_ROOT_PATH", "loss", _A_PREFIX),
        ("LOSSGRID_ROOT_PATH", "/loss/", _A_PREFIX),
        ("LOSSGRID_ROOT_PATH", "/a//b", _A_PREFIX),
        ("LOSSGRID_ALLOWED_HOSTS", "loss.example.org:8000", _NAMES),
        ("LOSSGRID_ALLOWED_HOSTS", "a b", _NAMES),
        ("LOSSGRID_ALLOWED_HOSTS", "a,", _NAMES),
        ("LOSSGRID_TRUSTED_PROXIES", "proxy", _PROXIES),
        ("LOSSGRID_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/99", _PROXIES),
        ("LOSSGRID_TRUSTED_PROXIES", "10.0.0", _PROXIES),
        ("LOSSGRID_MAX_HEAD_BYTES", "1", "a whole number of bytes from 1024 to 16777216 is wanted"),
        ("LOSSGRID_MAX_HEAD_LINES", "1", "a whole number of lines from 8 to 10000 is wanted"),
        ("LOSSGRID_MAX_JSON_BYTES", "0", "a whole number of bytes from 1 to 2147483648 is wanted"),
        ("LOSSGRID_MAX_JSON_BYTES", "64MB", "a whole number of bytes from 1 to 2147483648 is wanted"),
        ("LOSSGRID_MAX_JSON_DEPTH", "1", "a whole number from 2 to 64 is wanted"),
        ("LOSSGRID_MAX_INTEGER_DIGITS", "-1", "a whole number of digits from 17 to 4300 is wanted"),
        ("LOSSGRID_COMPUTING_THREADS", "1.5", "a whole number from 0 to 1024 is wanted"),
        ("LOSSGRID_SILENCE_SECONDS", "0", "a whole number of seconds from 1 to 3600 is wanted"),
        ("LOSSGRID_GRACEFUL_SECONDS", "0", "a whole number of seconds from 1 to 3600 is wanted"),
        ("LOSSGRID_MAX_SAMPLES", "0", "a whole number of samples from 1 to 2147483648 is wanted"),
        ("LOSSGRID_MAX_FEATURES", "many", "a whole number of features from 1 to 2147483648 is wanted"),
        ("LOSSGRID_LOG_LEVEL", "loud", "one of debug, info, warning, error is wanted"),
    ],
)
def test_an_impossible_value_is_met_with_what_is_possible(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wanted: str
) -> None:
    assert faults(monkeypatch, **{name: value}) == [f"{name} is not possible: {wanted}"]


def test_a_spool_directory_has_to_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wanted = "LOSSGRID_SPOOL_DIRECTORY is not possible: a directory that can be written to is wanted"
    for place in (tmp_path / "missing", tmp_path / "file"):
        assert faults(monkeypatch, LOSSGRID_SPOOL_DIRECTORY=str(place)) == [wanted]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert faults(monkeypatch, LOSSGRID_SPOOL_DIRECTORY=str(tmp_path)) == [wanted]
    monkeypatch.undo()
    monkeypatch.setenv("LOSSGRID_SPOOL_DIRECTORY", str(tmp_path))
    assert from_environment().spool_directory == str(tmp_path)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = faults(monkeypatch, LOSSGRID_PORT="x", LOSSGRID_COLOUR="red", LOSSGRID_LOG_LEVEL="loud")
    assert len(found) == 3


def test_the_table_has_a_row_for_every_setting() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [variable(name) for name in Settings.model_fields]
    assert all(row.count("|") == 4 for row in rows)
    assert "| `LOSSGRID_PORT` | `8000` |" in rows[1]
    assert "| `LOSSGRID_ROOT_PATH` | empty |" in rows[2]


def test_every_number_is_a_limit_or_is_known_to_be_none() -> None:
    numbers = {name for name, field in Settings.model_fields.items() if field.annotation is int}
    assert {limit.name for limit in limits(Settings())} == numbers - _NO_LIMITS, "mark it with Beyond(status)"


def test_a_limit_says_what_it_is_and_what_changes_it() -> None:
    rows = {limit.name: limit for limit in limits(Settings(max_json_bytes=1000, computing_threads=3))}
    assert rows["max_json_bytes"].value == 1000
    assert rows["max_json_bytes"].unit == "bytes"
    assert rows["max_json_bytes"].setting == "LOSSGRID_MAX_JSON_BYTES"
    assert rows["max_json_bytes"].beyond == 413
    assert rows["max_json_depth"].unit == "levels"
    assert rows["computing_threads"].value == 3
    for row in rows.values():
        assert row.meaning == Settings.model_fields[row.name].description
        assert row.unit


def test_zero_is_what_it_stands_for() -> None:
    values = {limit.name: limit.value for limit in limits(Settings(max_waiting=0, bodies_in_memory_bytes=0))}
    assert values["max_waiting"] == values["bodies_in_memory_bytes"] == 0
    assert values["rate_per_minute"] is None
    assert values["computing_threads"] == values["engine_threads"] == Settings().cores_for_each


@pytest.mark.parametrize(("workers", "cores"), [(1, 6), (2, 3), (4, 1), (8, 1)])
def test_workers_share_the_cores_that_the_service_may_use(
    workers: int, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.settings.usable_cores", lambda: 6)
    settings = Settings(workers=workers)
    assert settings.cores_for_each == cores
    (threads,) = (limit for limit in limits(settings) if limit.name == "engine_threads")
    assert threads.value == cores


@pytest.mark.parametrize(("text", "parts"), [("", []), ("a", ["a"]), (" a , *.b,c ", ["a", "*.b", "c"])])
def test_a_list_has_commas_between(text: str, parts: list[str]) -> None:
    assert listed(text) == parts
