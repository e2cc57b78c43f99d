"""Results as Markdown, between the marks of docs/benchmarks.md."""

from collections.abc import Mapping, Sequence

from benchmarks.bounds import verdicts
from benchmarks.machine import Machine
from benchmarks.results import LoadResult, MemoryResult, PeersResults, RowResult, ServiceResults
from benchmarks.spread import Spread

__all__ = ["filled", "peers_tables", "service_tables"]

_MIB = 2**20


def filled(page: str, tables: Mapping[str, str]) -> str:
    """Put tables between their marks, ``<!-- name -->`` and ``<!-- end of name -->``.

    Raises
    ------
    ValueError
        A table has no marks in the page.
    """
    for name, text in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, found, rest = page.partition(begin)
        _, also_found, after = rest.partition(end)
        if not (found and also_found):
            raise ValueError(f"there is no place for {name}")
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def service_tables(results: ServiceResults) -> dict[str, str]:
    """Render a run of `make bench`, table by table."""
    return {
        "machine": _machine(results.machine),
        "bounds": _bounds(results.rows),
        "rows": _rows(results.rows),
        "memory": _memory(results.memory),
        "load": _load(results.load),
    }


def peers_tables(results: PeersResults) -> dict[str, str]:
    """Render a run of `make bench-peers`."""
    rows = [
        [
            f"{one.peer} {one.version}",
            row.size,
            row.peer_form,
            _spread(row.peer, 1000),
            row.our_form,
            _spread(row.ours, 1000),
            _times(row.to_ours),
        ]
        for one in results.peers
        for row in one.rows
    ]
    head = ["peer", "batch", "what it gets", "peer, ms", "what we get", "ours, ms", "peer / ours"]
    lines = [
        f"\n{one.peer} {one.version}".rstrip() + f": not measured. {one.failure}\n"
        for one in results.peers
        if one.failure
    ]
    text = f"{_machine(results.machine)}\n{_standing(results)}\n{_table(head, rows)}"
    return {"peers": text + "".join(lines)}


def _standing(results: PeersResults) -> str:
    """Say in how many rows we are ahead, and name those in which we are not."""
    rows = [(one.peer, row) for one in results.peers for row in one.rows]
    behind = [f"{peer}, {row.size}, {row.peer_form}" for peer, row in rows if row.to_ours.median < 1]
    where = f" Not in: {'; '.join(behind)}." if behind else ""
    return f"Ours is ahead in {len(rows) - len(behind)} of {len(rows)} rows.{where}\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Render a table; a head, and as many cells in every row."""
    lines = [list(head), ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _figure(value: float) -> str:
    """Write three digits, and no exponent."""
    if value >= 100:  # noqa: PLR2004 - three digits
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"  # noqa: PLR2004 - likewise


def _spread(spread: Spread, factor: float = 1.0) -> str:
    """Write a median and the quartiles around it."""
    low, median, high = (_figure(factor * one) for one in (spread.low, spread.median, spread.high))
    return f"{median} ({low} to {high})"


def _times(spread: Spread) -> str:
    """Write a ratio and its quartiles."""
    return f"**{_figure(spread.median)}** ({_figure(spread.low)} to {_figure(spread.high)})"


def _size(count: int) -> str:
    """Write a number of bytes."""
    return f"{count / _MIB:.1f} MiB" if count >= _MIB // 10 else f"{count / 1024:.1f} KiB"


def _machine(machine: Machine) -> str:
    """Say what was measured on."""
    commit = f", commit `{machine.commit}`" if machine.commit else ""
    versions = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return (
        f"Measured on {machine.day}{commit}: {machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB,"
        f" {machine.system}, {machine.python}; {versions}.\n"
    )


def _bounds(rows: Sequence[RowResult]) -> str:
    """Render what had to come out beside what came out."""
    lines = []
    for one in verdicts(rows):
        if one.bound.times_usual is not None:
            asked = f"usual / ours at least {one.bound.times_usual:g}"
        elif one.bound.of_limit is not None:
            asked = f"ours / limit at most {one.bound.of_limit:g}"
        else:
            asked = f"ours / echo at most {one.bound.of_echo:g}"
        reason = "" if one.reached else one.bound.reason
        lines.append(
            [
                one.bound.row,
                asked,
                _times(one.measured),
                "reached" if one.reached else "not reached",
                _figure(one.limit),
                reason,
            ]
        )
    return _table(["row", "bound", "measured", "", "the limit itself", "why not"], lines)


def _rows(rows: Sequence[RowResult]) -> str:
    """Render everything that was measured with one client."""
    lines = []
    for one in rows:
        usual, echo = (one.seconds.get(name) for name in ("usual", "echo"))
        lines.append(
            [
                one.row,
                _size(one.body_bytes),
                str(one.rounds),
                _spread(one.seconds["ours"], 1000),
                _spread(usual, 1000) if usual else "",
                _spread(one.seconds["limit"], 1000),
                _figure(1000 * echo.median) if echo else "",
                _times(one.to_ours["usual"]) if usual else "",
                _times(one.of_limit),
                ", ".join(_figure(1000 * one.worked[name]) for name in ("ours", "usual") if name in one.worked),
            ]
        )
    head = ["body and batch", "size", "rounds", "ours, ms", "usual, ms", "limit, ms", "echo, ms"]
    return _table([*head, "usual / ours", "ours / limit", "CPU, ms: ours, usual"], lines)


def _memory(results: Sequence[MemoryResult]) -> str:
    """Render how much memory each size took, a line for each size."""
    if not results:
        return "Not measured: the system does not tell.\n"
    kinds = list(dict.fromkeys((one.who, one.form) for one in results))
    sizes = list(dict.fromkeys(one.size for one in results))
    by_place = {(one.size, one.who, one.form): one for one in results}
    lines = []
    for size in sizes:
        found = [by_place[(size, *kind)] for kind in kinds]
        lines.append([size, *(f"{one.grown_bytes / _MIB:.1f} ({_size(one.body_bytes)})" for one in found)])
    return _table(["batch", *(f"{who}, {form}: MiB (body)" for who, form in kinds)], lines)


def _load(results: Sequence[LoadResult]) -> str:
    """Render throughput and latency, a line for each row and number of clients."""
    names = list(dict.fromkeys(one.who for one in results))
    places = list(dict.fromkeys((one.row, one.clients) for one in results))
    by_place = {(one.row, one.clients, one.who): one for one in results}
    lines = [
        [row, str(clients), *(_under_load(by_place.get((row, clients, name))) for name in names)]
        for row, clients in places
    ]
    return _table(["body and batch", "clients", *(f"{name}: answers/s (median, p95 in ms)" for name in names)], lines)


def _under_load(one: LoadResult | None) -> str:
    """Write what clients got from somebody."""
    if one is None:
        return ""
    refused = f", {one.refused} refused" if one.refused else ""
    if one.median is None or one.worst_of_20 is None:
        return f"0{refused}"
    return f"{_figure(one.per_second)} ({_figure(1000 * one.median)}, {_figure(1000 * one.worst_of_20)}{refused})"
