"""What peers are given, and how their answers are read."""

import base64
import json

import numpy as np
import pytest

from benchmarks.batches import Size, arrays
from benchmarks.peers import run
from benchmarks.peers.table import PEERS, SIZES, Peer, Way, totals_in

WAYS = {f"{peer.name}, {way.name}": way for peer in PEERS for way in peer.ways}
BATCH = arrays(Size(3, 2, 1))


def test_totals_are_found_in_every_kind_of_answer() -> None:
    document = {"variants": {"sum_mean": {"total": 0.5}, "mean_mean": {"total": 0.25}}}
    lists = {"outputs": [{"name": "totals", "data": [0.5, 0.25]}, {"name": "other", "data": [1.0]}]}
    binary = {"outputs": [{"name": "totals", "parameters": {"binary_data_size": 16}, "data": None}]}
    tail = np.array([0.5, 0.25, 9.0], "<f8").tobytes()
    answers = [json.dumps(one).encode() for one in (document, lists, binary)]
    assert [totals_in(one) for one in (*answers[:2], answers[2] + tail)] == [[0.5, 0.25]] * 3


def test_every_peer_is_measured_with_every_size_in_some_way() -> None:
    for peer in PEERS:
        assert all(any(way.takes(size) for way in peer.ways) for size in SIZES)
        assert any(way.is_text for way in peer.ways)


def test_the_open_inference_protocol_is_what_it_should_be() -> None:
    lists, text, binary = (
        WAYS[name].write(BATCH)
        for name in ("KServe, V2 JSON, flat lists", "MLServer, V2 JSON, base 64 of float64", "KServe, V2 binary, FP64")
    )
    (first, *_) = json.loads(lists.body)["inputs"]
    assert first == {"name": "x", "shape": [3, 2], "datatype": "FP64", "data": BATCH["x"].ravel().tolist()}
    (first, *_) = json.loads(text.body)["inputs"]
    assert base64.b64decode(first["data"][0]) == BATCH["x"].tobytes()
    length = int(binary.headers["Inference-Header-Content-Length"])
    inputs = json.loads(binary.body[:length])["inputs"]
    assert sum(one["parameters"]["binary_data_size"] for one in inputs) == len(binary.body) - length
    assert binary.body[length:].startswith(BATCH["x"].tobytes())


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_single_precision_is_half_as_long(way: Way) -> None:
    wide, narrow = len(way.write(BATCH).body), len(way.write({k: v.repeat(1000, 0) for k, v in BATCH.items()}).body)
    per_number = (narrow - wide) / (999 * sum(array.size for array in BATCH.values()))
    assert (per_number < 6) == way.is_narrow


def test_a_peer_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(run, "SIZES", SIZES[:1])
    peer = Peer("Nobody", ("{bin}/nobody",), (), {})
    (found,) = run.beside([peer], quick=True, say=said.append).peers
    assert found.failure == "it is not installed: make bench-peers does that"
    assert found.rows == []
    assert said == [f"Nobody: {found.failure}"]
