"""What a reply says of itself is true."""

from typing import Any

import numpy as np
import pytest

from app.api.dressing import dress
from app.engines.local import run
from app.formats import json
from app.losses import LOSSES, Batch, Objective

LATENTS = {"mu": [[0.5, -1.0]] * 3, "logvar": [[-0.5, 0.25]] * 3}


def count_of_nulls(node: Any) -> int:  # noqa: ANN401 - any JSON value
    """Count the None in a document."""
    if isinstance(node, dict):
        return sum(map(count_of_nulls, node.values()))
    return sum(map(count_of_nulls, node)) if isinstance(node, list) else node is None


@pytest.mark.parametrize("latents", [{}, LATENTS], ids=["without latents", "with latents"])
@pytest.mark.parametrize("beta", [0.0, 4.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_reply_knows_how_much_it_leaves_out(
    loss: str, beta: float, latents: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_: object) -> None:
        raise AssertionError("every number was looked at")

    pair = {"x": np.full((3, 4), 0.5), "y": np.linspace(0.1, 0.9, 12).reshape(3, 4)}
    reply = dress(Batch.of(pair | latents), Objective.of(loss, beta=beta), (), run)
    assert reply.nulls == count_of_nulls(reply.summary) - len(reply.arrays)
    monkeypatch.setattr(json, "_check_finite", look)
    json.encode(reply)
