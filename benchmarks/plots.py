"""Results as plots: SVG without a background, in colours that can be read on white and on black.

matplotlib is imported here alone, so that the rest runs without it. Files are the same for the same results.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.results import LoadResult, PeerRow, PeersResults, RowResult, ServiceResults

__all__ = ["draw_peers", "draw_service"]

_INK: Final = "#7d858f"
_COLOURS: Final = {"ours": "#2f81f7", "archive": "#2ca06b", "usual": "#d9822b", "limit": _INK}
_PEER_COLOURS: Final = ("#d9822b", "#a371f7", "#d1477b", "#b08800")
_TWO_DIGITS: Final = 10
_LEAST_BYTES: Final = 65_536
"""Below this the growth of memory is noise, and a logarithmic axis has no place for nothing."""

_STYLE: Final[Mapping[str, Any]] = {
    "svg.hashsalt": "lossgrid",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _INK,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 5,
}


def draw_service(folder: Path, results: ServiceResults) -> None:
    """Draw a run of `make bench`: overview.svg, memory.svg and load.svg."""
    with mpl.rc_context(dict(_STYLE)):
        _overview(folder / "overview.svg", results.rows)
        if results.memory:
            _memory(folder / "memory.svg", results)
        if results.load:
            _load(folder / "load.svg", results.load)


def draw_peers(folder: Path, results: PeersResults) -> None:
    """Draw a run of `make bench-peers`: peers.svg."""
    measured = [one for one in results.peers if one.rows]
    if not measured:
        return
    with mpl.rc_context(dict(_STYLE)):
        figure, axes = plt.subplots(figsize=(8, 4.5))
        sizes = list(dict.fromkeys(row.size for one in measured for row in one.rows))
        for number, one in enumerate(measured):
            best = [_at_best(one.rows, size) for size in sizes]
            places = [place + 0.8 * (number + 0.5) / len(measured) - 0.4 for place in range(len(sizes))]
            heights = [ratio - 1 for ratio in best]
            axes.bar(places, heights, 0.75 / len(measured), 1, color=_PEER_COLOURS[number], label=one.peer)
            for place, ratio in zip(places, best, strict=True):
                text, far = f"{ratio:.2g}" if ratio < _TWO_DIGITS else f"{ratio:.0f}", 1.04 if ratio > 1 else 0.96
                side = "bottom" if ratio > 1 else "top"
                axes.text(place, ratio * far, text, ha="center", va=side, fontsize=9)
        axes.axhline(1, color=_COLOURS["ours"])
        axes.text(len(sizes) - 0.55, 1.04, "Lossgrid", color=_COLOURS["ours"], ha="left", va="bottom", fontsize=9)
        axes.set_xlim(-0.5, len(sizes))
        _logarithmic(axes, "y", _plain)
        axes.set_xticks(range(len(sizes)), sizes)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel("time, as a multiple of ours (log scale)")
        axes.set_title("Each in its fastest format, one client: below the line is faster", loc="left", fontsize=11)
        axes.legend(ncols=len(measured), loc="upper left", bbox_to_anchor=(0, -0.1))
        _save(figure, folder / "peers.svg")


def _at_best(rows: Sequence[PeerRow], size: str) -> float:
    """Give the time of a peer as a multiple of ours, each in the format in which it is fastest."""
    found = [row for row in rows if row.size == size]
    return min(row.peer.median for row in found) / min(row.ours.median for row in found)


def _overview(path: Path, rows: Sequence[RowResult]) -> None:
    """Draw time over size, both on logarithmic axes: what the README shows."""
    text = [one for one in _growing(rows) if one.form.startswith("JSON")]
    archives = [one for one in _growing(rows) if one.form == "npz float32"]
    lines = (
        ("usual", "usual service, JSON", text, "usual", "-", "usual"),
        ("ours", "Lossgrid, JSON", text, "ours", "-", "ours"),
        ("limit", "limit, JSON: simdjson's parse alone", text, "limit", "--", "limit"),
        ("archive", "Lossgrid, npz float32", archives, "ours", "-", "archive"),
        ("bytes", "limit, npz: reading the bytes alone", archives, "limit", ":", "limit"),
    )
    figure, axes = plt.subplots(figsize=(8, 4.8))
    for _, label, found, who, style, colour in lines:
        shown = [one for one in found if who in one.seconds]
        axes.fill_between(
            [one.elements for one in shown],
            [1000 * one.seconds[who].low for one in shown],
            [1000 * one.seconds[who].high for one in shown],
            color=_COLOURS[colour],
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(
            [one.elements for one in shown],
            [1000 * one.seconds[who].median for one in shown],
            style,
            marker="o",
            color=_COLOURS[colour],
            label=label,
        )
    _logarithmic(axes, "x", lambda value: f"{value:,.0f}")
    _logarithmic(axes, "y", _plain)
    axes.set_xlabel("numbers in the batch and its reconstruction (log scale)")
    axes.set_ylabel("ms from first byte sent to last received (log scale)")
    axes.set_title("Time of POST /loss by size of the batch, one client: medians and quartiles", loc="left", size=11)
    axes.legend(loc="upper left")
    _save(figure, path)


def _growing(rows: Sequence[RowResult]) -> list[RowResult]:
    """Give the rows of plain batches, the smallest first."""
    forms = ("JSON", "JSON of float32", "npz float32")
    plain = [one for one in rows if one.form in forms and one.row == f"{one.form}, {one.size}" and "+" not in one.size]
    return sorted(plain, key=lambda one: one.elements)


def _memory(path: Path, results: ServiceResults) -> None:
    """Draw memory over size."""
    figure, axes = plt.subplots(figsize=(8, 4.2))
    kinds = (
        ("usual", "JSON of float32", "usual service, JSON", "usual"),
        ("ours", "JSON of float32", "Lossgrid, JSON", "ours"),
        ("ours", "npz float32", "Lossgrid, npz float32", "archive"),
    )
    for who, form, label, colour in kinds:
        shown = [one for one in results.memory if (one.who, one.form) == (who, form)]
        grown = [max(one.grown_bytes, _LEAST_BYTES) / 2**20 for one in shown]
        axes.plot([one.elements for one in shown], grown, marker="o", color=_COLOURS[colour], label=label)
    _logarithmic(axes, "x", lambda value: f"{value:,.0f}")
    _logarithmic(axes, "y", _plain)
    axes.set_xlabel("numbers in the batch and its reconstruction (log scale)")
    axes.set_ylabel("MiB above idle, at the peak (log scale)")
    axes.set_title("Memory that one request takes", loc="left", size=11)
    axes.legend(loc="upper left")
    _save(figure, path)


def _load(path: Path, load: Sequence[LoadResult]) -> None:
    """Draw throughput over the number of clients, a panel for each row."""
    rows = list(dict.fromkeys(one.row for one in load))
    figure, panels = plt.subplots(1, len(rows), figsize=(3.1 * len(rows), 3.9), squeeze=False, layout="constrained")
    for axes, row in zip(panels[0], rows, strict=True):
        for who in ("usual", "ours", "limit"):
            shown = [one for one in load if (one.row, one.who) == (row, who)]
            if shown:
                style = "--" if who == "limit" else "-"
                label = {"usual": "usual service", "ours": "Lossgrid", "limit": "limit"}[who]
                counts = [one.clients for one in shown]
                axes.plot(
                    counts, [one.per_second for one in shown], style, marker="o", color=_COLOURS[who], label=label
                )
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(LogLocator(base=2, numticks=9))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        _logarithmic(axes, "y", _plain)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.set_title(row, loc="left", size=10)
        axes.set_xlabel("clients")
    panels[0][0].set_ylabel("answers per second (log scale)")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    _save(figure, path)


def _logarithmic(axes: Any, name: str, label: Callable[[float], str]) -> None:  # noqa: ANN401 - matplotlib's
    """Let an axis be logarithmic, its powers of ten written out."""
    getattr(axes, f"set_{name}scale")("log")
    axis = getattr(axes, f"{name}axis")
    axis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(NullLocator())


def _plain(value: float) -> str:
    """Write a number without an exponent."""
    return f"{value:,.10g}"


def _save(figure: Any, path: Path) -> None:  # noqa: ANN401 - matplotlib's
    """Write a figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if figure.get_layout_engine() is None:
        figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")
