"""What the settings are called in the environment: the names alone, for whoever has to name one in a refusal."""

from typing import Final

__all__ = ["PREFIX", "variable"]

PREFIX: Final = "LOSSGRID_"


def variable(field: str) -> str:
    """Name the environment variable of a setting, given the field of `app.settings.Settings`."""
    return PREFIX + field.upper()
