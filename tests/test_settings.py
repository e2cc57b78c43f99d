"""Settings come from LOSSGRID_* and nowhere else, and none is misunderstood in silence."""

import pytest
from pydantic import ValidationError

from app.settings import ImpossibleSettingsError, Settings, from_environment, table, variable


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


def test_variables_of_the_tests_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSGRID_TEST_CHROMIUM", "/usr/bin/chromium")
    assert from_environment() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOSSGRID_PORT", "65536"),
        ("LOSSGRID_PORT", "http"),
        ("LOSSGRID_HOST", ""),
        ("LOSSGRID_ROOT_PATH", "loss"),
        ("LOSSGRID_ROOT_PATH", "/loss/"),
        ("LOSSGRID_ROOT_PATH", "/a//b"),
        ("LOSSGRID_MAX_JSON_BYTES", "0"),
        ("LOSSGRID_MAX_JSON_DEPTH", "1"),
        ("LOSSGRID_MAX_INTEGER_DIGITS", "-1"),
        ("LOSSGRID_COMPUTING_THREADS", "1.5"),
        ("LOSSGRID_GRACEFUL_SECONDS", "0"),
        ("LOSSGRID_LOG_LEVEL", "loud"),
    ],
)
def test_an_impossible_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    (fault,) = faults(monkeypatch, **{name: value})
    assert fault.startswith(f"{name} is not possible: ")


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = faults(monkeypatch, LOSSGRID_PORT="x", LOSSGRID_COLOUR="red", LOSSGRID_LOG_LEVEL="loud")
    assert len(found) == 3


def test_the_table_has_a_row_for_every_setting() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [variable(name) for name in Settings.model_fields]
    assert all(row.count("|") == 4 for row in rows)
    assert "| `LOSSGRID_PORT` | `8000` |" in rows[1]
    assert "| `LOSSGRID_ROOT_PATH` | empty |" in rows[2]
