"""What the room offers: a sorted list of names in every module, all of them there."""

import importlib
import pkgutil

import pytest

import app.losses

MODULES = ["app.losses", *(f"app.losses.{module.name}" for module in pkgutil.iter_modules(app.losses.__path__))]


def _in_house_order(names: list[str]) -> list[str]:
    """Sort as ruff does: CONSTANTS, Classes, functions."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_lists_its_public_names(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__ == _in_house_order(module.__all__)
    assert all(hasattr(module, public) for public in module.__all__)
    assert module.__doc__


def test_the_room_offers_only_what_its_modules_list() -> None:
    listed = {public for name in MODULES[1:] for public in importlib.import_module(name).__all__}
    assert set(app.losses.__all__) <= listed
