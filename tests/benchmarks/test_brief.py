"""What is measured of brief bodies: each is brief, good ones are answered, and bad ones reach what they are for."""

from collections import Counter

import pytest

from app.formats.npz import MEDIA_TYPE as NPZ
from benchmarks.brief import Ask, asked, seconds
from tests.formats.files import npz


def test_the_worst_bodies_are_brief() -> None:
    outcomes = {ask.name: seconds(ask, 1)[1] for ask in asked()}
    counted = Counter(outcomes.values())
    assert counted["answered"] > counted.total() / 2
    assert counted["LongError"] == 0
    assert outcomes["npz, empty blocks"] == "answered"  # whose blocks are good ones
    assert outcomes["npz, extra fields"] == "Malformed"
    assert outcomes["safetensors, a name many times"] == "TooLarge"


def test_what_is_not_brief_is_not_measured() -> None:
    with pytest.raises(ValueError, match="much is not brief"):
        seconds(Ask("much", NPZ, npz(x=[0.0] * 5000)), 1)
