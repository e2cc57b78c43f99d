"""What is measured: a table of rows, each a batch of some size, a kind of body, and what is asked."""

from dataclasses import dataclass
from typing import Final

from benchmarks.batches import Size

__all__ = ["GROWTH", "LOADS", "QUICK", "ROWS", "Load", "Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes
    ----------
    size
        Of the batch.
    form
        The body that our service gets, one of `benchmarks.batches.FORMS`; the usual service always gets JSON.
    limit
        What the limit does with our body, a path of `benchmarks.services.limit`.
    usual_form
        What the usual service gets: JSON of the same numbers.
    include
        What is asked for beside the reductions.
    archive
        Whether our answer is an archive of arrays.
    """

    size: Size
    form: str
    limit: str = "/bytes"
    usual_form: str = "JSON"
    include: tuple[str, ...] = ()
    archive: bool = False

    @property
    def name(self) -> str:
        """What tables and bounds call it."""
        extras = f" with {', '.join(self.include)}" if self.include else ""
        return f"{self.form}, {self.size}{extras}{', answer as npz' if self.archive else ''}"


@dataclass(frozen=True, slots=True)
class Load:
    """A row, for how long at least it is asked for, in seconds, and by how many clients at once."""

    row: Row
    seconds: float
    with_usual: bool = True
    clients: tuple[int, ...] = (1, 2, 4, 8, 16)


GROWTH: Final = (
    Size(1, 10),
    Size(10, 90),
    Size(100, 90),
    Size(100, 784),
    Size(1000, 784),
    Size(3000, 784),
    Size(10000, 784),
)
"""The sizes over which time and memory grow."""

_QUESTION: Final = Size(100, 90, 20)
_MIDDLE: Final = Size(1000, 784)
_LARGEST: Final = Size(10000, 784)

QUICK: Final = (Row(Size(1, 10), "JSON", "/json"), Row(Size(1, 10), "npz float32"))
"""Enough to see that everything works."""

ROWS: Final = (
    *(Row(size, "JSON", "/json") for size in GROWTH),
    Row(_QUESTION, "JSON", "/json"),
    *(Row(size, "npz float32", usual_form="JSON of float32") for size in GROWTH),
    Row(_QUESTION, "npz float64"),
    Row(_MIDDLE, "npz float64"),
    Row(_MIDDLE, "npz float64, compressed", "/deflate"),
    Row(_MIDDLE, "safetensors F32", usual_form="JSON of float32"),
    Row(_MIDDLE, "safetensors BF16", usual_form="JSON of float32"),
    Row(_MIDDLE, "form of .npy float64"),
    Row(_MIDDLE, "form of .csv", "/csv"),
    Row(_MIDDLE, "JSON, gzip", "/gzip-json"),
    Row(_MIDDLE, "JSON", "/json", include=("elementwise",)),
    Row(_MIDDLE, "npz float64", include=("elementwise",), archive=True),
    Row(_LARGEST, "safetensors F32", usual_form="JSON of float32"),
)
"""Everything that `make bench` measures."""

LOADS: Final = (
    Load(Row(Size(1, 10), "JSON", "/json"), 1.0),
    Load(Row(_QUESTION, "JSON", "/json"), 1.5),
    Load(Row(_MIDDLE, "JSON", "/json"), 1.0, clients=(1, 4, 16)),
    Load(Row(_MIDDLE, "npz float32"), 1.0, with_usual=False),
)
"""What several clients ask for at once."""
