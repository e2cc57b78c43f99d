"""From measurements to a page: medians, verdicts, and tables that are those of the results."""

from pathlib import Path

import pytest

from benchmarks.bounds import BOUNDS, Bound, verdicts
from benchmarks.machine import Machine, this_machine
from benchmarks.page import filled, peers_tables, service_tables
from benchmarks.results import PeerResult, PeerRow, PeersResults, RowResult, ServiceResults, read, write
from benchmarks.rows import LOADS, ROWS
from benchmarks.spread import Spread, percentile

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "benchmarks"


def row(name: str, *, usual: float, limit: float) -> RowResult:
    """Make a row of which ours takes one second."""
    seconds = {"ours": 1.0, "usual": usual, "limit": limit}
    spreads = {who: Spread(one, one, one) for who, one in seconds.items()}
    return RowResult(
        row=name,
        size="1 x 1",
        form="JSON",
        elements=2,
        body_bytes=10,
        rounds=1,
        seconds=spreads,
        to_ours=spreads,
        of_limit=Spread(1 / limit, 1 / limit, 1 / limit),
    )


def test_a_spread_is_the_median_and_its_quartiles() -> None:
    assert Spread.of([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(2.0, 3.0, 4.0)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)
    assert percentile([1.0, 2.0], 75) == pytest.approx(1.75)


def test_ratios_are_those_of_a_round() -> None:
    assert Spread.of_ratios([2.0, 40.0, 600.0], [1.0, 10.0, 100.0]).median == 4.0
    with pytest.raises(ValueError, match="shorter"):
        Spread.of_ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("usual", "limit", "reached"), [(6.0, 0.8, True), (5.9, 0.8, False), (6.0, 0.7, False)])
def test_a_bound_is_judged_by_the_median(usual: float, limit: float, *, reached: bool) -> None:
    bounds = [Bound("a", times_usual=6), Bound("a", of_limit=1.25), Bound("not measured", of_limit=1)]
    found = verdicts([row("a", usual=usual, limit=limit)], bounds)
    assert len(found) == 2
    assert all(one.reached for one in found) is reached


def test_a_bound_stands_beside_what_the_limit_itself_has() -> None:
    found = verdicts([row("a", usual=6.0, limit=0.75)], [Bound("a", times_usual=6), Bound("a", of_limit=1.25)])
    assert [one.limit for one in found] == [8.0, 1.0]


def peer(*ratios: float) -> PeerRow:
    """Make a row of a peer, from its median time as a multiple of ours."""
    ours, theirs = Spread(1.0, 1.0, 1.0), Spread.of(ratios)
    return PeerRow(size="1 x 1", peer_form="text", our_form="JSON", rounds=1, peer=theirs, ours=ours, to_ours=theirs)


def test_the_page_says_where_a_peer_is_ahead_and_which_was_not_measured() -> None:
    nothing = Machine("", "", "", 1, 1.0, "", "", {})
    peers = [
        PeerResult(peer="Fast", version="1", rows=[peer(0.5), peer(2.0)]),
        PeerResult(peer="Absent", version="", rows=[], failure="It has no wheel."),
    ]
    text = peers_tables(PeersResults(machine=nothing, peers=peers))["peers"]
    assert "Ours is ahead in 1 of 2 rows. Not in: Fast, 1 x 1, text.\n" in text
    assert "Absent: not measured. It has no wheel." in text
    text = peers_tables(PeersResults(machine=nothing, peers=peers[:1]))["peers"]
    assert "not measured" not in text


def test_the_machine_is_described() -> None:
    found = this_machine(("numpy", "there-is-no-such-package"))
    assert found.packages.keys() == {"numpy"}
    assert found.cores > 0
    assert found.memory_gib > 0


def test_ratios_can_be_turned_round() -> None:
    assert Spread(0.5, 2.0, 4.0).inverse() == Spread(0.25, 0.5, 2.0)


def test_every_bound_has_its_row() -> None:
    names = [one.name for one in ROWS]
    assert len(set(names)) == len(names)
    assert {bound.row for bound in BOUNDS} <= set(names)
    asked = [(bound.times_usual, bound.of_limit, bound.of_echo) for bound in BOUNDS]
    assert [one for one in asked if one.count(None) != 2] == []
    assert {load.row.name for load in LOADS} <= set(names)


def test_tables_go_between_their_marks() -> None:
    page = "before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n"
    assert filled(page, {"a": "new"}) == "before\n<!-- a -->\n\nnew\n<!-- end of a -->\nafter\n"
    with pytest.raises(ValueError, match="no place for b"):
        filled(page, {"b": "new"})


def test_results_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert read(path, ServiceResults) is None
    found = read(FIGURES / "service.json", ServiceResults)
    assert found is not None
    write(path, found)
    assert read(path, ServiceResults) == found


def test_the_page_shows_the_results_that_are_beside_it() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    service, peers = read(FIGURES / "service.json", ServiceResults), read(FIGURES / "peers.json", PeersResults)
    assert service is not None
    assert peers is not None
    assert filled(page, service_tables(service) | peers_tables(peers)) == page


def test_a_bound_that_is_not_reached_says_why() -> None:
    found = read(FIGURES / "service.json", ServiceResults)
    assert found is not None
    assert [one.bound.row for one in verdicts(found.rows) if not one.reached and not one.bound.reason] == []
