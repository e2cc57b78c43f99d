"""The door of the core: a batch whose shapes and types are sound, handed out in chunks whose values are.

Arrays stay as they were uploaded. A block of samples at a time becomes float64 in C order (uint8 would wrap around,
float16 overflow, and Fortran order cost digits), and is folded while it is in the cache. Whether its values are finite,
and in the domain of the loss, is for the tally to say, which looks at each of them in any case.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.losses.arrays import Array
from app.losses.buffers import BUFFER_ELEMENTS, spare
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.errors import (
    Fault,
    InvalidOption,
    LossInputError,
    MissingArray,
    NotFinite,
    OutOfDomain,
    ShapeMismatch,
    WrongType,
)
from app.losses.refusals import refusal

__all__ = ["ARRAY_NAMES", "CHUNK_ELEMENTS", "Batch", "Chunk"]

ARRAY_NAMES = ("x", "y", "mu", "logvar", "sample_weight")
"""The arrays of which a batch can consist."""

CHUNK_ELEMENTS = BUFFER_ELEMENTS
"""Elements of `x` in a chunk: 512 KiB as float64, so that x, y and what is made of them stay in a core's own cache."""

_COMPLETE = frozenset(
    frozenset({"x", "y", *latents, *weights})
    for latents in ((), ("mu", "logvar"))
    for weights in ((), ("sample_weight",))
)
_PARTNERS = {"y": "x", "logvar": "mu"}
_REAL_KINDS = "biuf"
_DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Targets, reconstructions and, for a variational autoencoder, the posterior's parameters. Made by `Batch.of`.

    Attributes
    ----------
    x, y
        Targets and reconstructions as uploaded, shape (N, ...), any real dtype, byte order and layout.
    mu, logvar
        Means and log variances of the posterior as uploaded, shape (N, ...), or None, both together.
    sample_weight
        Weights as uploaded, shape (N,), or None.
    weight_exponent
        Chunks hold ``sample_weight / 2**weight_exponent``. It is 0 but for weights whose sum is below 1/2, whose
        products with small losses could fall below double precision: with it, their sum is between 1/2 and 1, so that
        no mean over the batch overflows on its way either. Only a sum over the batch depends on it.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    mu: NDArray[Any] | None
    logvar: NDArray[Any] | None
    sample_weight: NDArray[Any] | None
    weight_exponent: int

    @classmethod
    def of(cls, arrays: Mapping[str, ArrayLike]) -> "Batch":
        """Admit arrays by name: `x` and `y`, perhaps `mu` and `logvar`, perhaps `sample_weight`.

        Raises
        ------
        MissingArray
            There is no x or no y, or one of mu and logvar without the other. Every such array is named.
        WrongType
            A dtype without real numbers (complex, text, objects, dates, records). Every such array is named.
        ShapeMismatch
            An array that is empty, or whose shape does not fit the others'. Every such array is named.
        InvalidOption
            An array of a name that no batch has.
        NotFinite, OutOfDomain
            A sample weight that is not finite, is negative, or weights that are all 0.
        """
        found = {name: np.asarray(array) for name, array in arrays.items()}
        if frozenset(found) not in _COMPLETE:
            raise _incomplete(found)
        faults = [
            Fault((name,), f"is of type {array.dtype.name}; real numbers are wanted")
            for name, array in found.items()
            if array.dtype.kind not in _REAL_KINDS
        ]
        if faults:
            raise refusal(WrongType, *faults)
        size = next((len(found[name]) for name in ("x", "y") if found[name].ndim), None)
        faults = [fault for name in ARRAY_NAMES if name in found and (fault := _misfit(name, found, size)) is not None]
        if faults:
            raise refusal(ShapeMismatch, *faults)
        weight = found.get("sample_weight")
        exponent = 0 if weight is None else _exponent_of_weights(weight)
        return cls(found["x"], found["y"], found.get("mu"), found.get("logvar"), weight, exponent)

    @property
    def size(self) -> int:
        """N, the number of samples."""
        return len(self.x)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The axes of `x` after the batch axis; () where a sample is one number."""
        return self.x.shape[1:]

    @property
    def feature_count(self) -> int:
        """D, the number of features of a sample."""
        return math.prod(self.feature_shape)

    @property
    def latent_shape(self) -> tuple[int, ...] | None:
        """The axes of `mu` after the batch axis, None without `mu`."""
        return None if self.mu is None else self.mu.shape[1:]

    @property
    def latent_count(self) -> int | None:
        """L, the number of latent dimensions, None without `mu`."""
        return None if self.mu is None else math.prod(self.mu.shape[1:])

    def array(self, name: str) -> NDArray[Any]:
        """Give one of the arrays that the batch has, as uploaded."""
        found: NDArray[Any] = getattr(self, name)
        return found

    def block(self, name: str, start: int, stop: int) -> Array:
        """Cut samples `start` to `stop` out of an array: float64 in C order, (n, elements of a sample), unchecked.

        A view where the upload already is that; never to be written to.
        """
        return _as_float64(self.array(name)[start:stop])

    @property
    def is_one_chunk(self) -> bool:
        """Whether `cuts` gives the whole batch in one piece."""
        return self.size * max(self.feature_count, self.latent_count or 1) <= CHUNK_ELEMENTS

    def cuts(self, rows: int | None = None, checkpoint: Checkpoint = go_on) -> Iterator[tuple[int, int]]:
        """Say where chunks start and stop: `rows` samples each, by default as many as `CHUNK_ELEMENTS` allows.

        The checkpoint is called before each.
        """
        rows = rows or max(1, CHUNK_ELEMENTS // max(self.feature_count, self.latent_count or 1))
        for start in range(0, self.size, rows):
            checkpoint()
            yield start, min(start + rows, self.size)

    def chunks(self, rows: int | None = None, checkpoint: Checkpoint = go_on) -> Iterator["Chunk"]:
        """Hand out the batch, a block of samples at a time.

        Parameters
        ----------
        rows
            Samples in a chunk; by default as many as `CHUNK_ELEMENTS` allows, at least one.
        checkpoint
            Called before each chunk.
        """
        for start, stop in self.cuts(rows, checkpoint):
            yield self.chunk(start, stop)

    def chunk(self, start: int, stop: int) -> "Chunk":
        """Cut out samples `start` to `stop`."""
        has_latents = self.mu is not None
        return Chunk(
            batch=self,
            start=start,
            x=self.block("x", start, stop),
            y=self.block("y", start, stop),
            mu=self.block("mu", start, stop) if has_latents else None,
            logvar=self.block("logvar", start, stop) if has_latents else None,
            weight=self.weights(start, stop),
        )

    def weights(self, start: int = 0, stop: int | None = None) -> Array | None:
        """Cut out the weights of samples `start` to `stop` over ``2**weight_exponent``, shape (n,), or None."""
        if self.sample_weight is None:
            return None
        weight = _as_float64(self.sample_weight[start:stop])[:, 0]
        return np.ldexp(weight, -self.weight_exponent) if self.weight_exponent else weight

    def index(self, name: str, flat: int) -> tuple[str | int, ...]:
        """Tell where the element at a flat index in C order lies in the uploaded array: ``("x", 3, 0, 5)``."""
        return (name, *(int(i) for i in np.unravel_index(flat, self.array(name).shape)))

    def not_finite(self, checkpoint: Checkpoint) -> Iterator[Fault]:
        """Look through every array for values that are not finite: one fault for each array that has some."""
        for name in ("x", "y") if self.mu is None else ("x", "y", "mu", "logvar"):
            count, first = 0, -1
            for start, stop in self.cuts(checkpoint=checkpoint):
                block = self.block(name, start, stop)
                outside = np.flatnonzero(~np.isfinite(block))
                if outside.size and not count:
                    first = start * block.shape[1] + int(outside[0])
                count += outside.size
            if count:
                all_told = "it is the only one" if count == 1 else f"it is the first of {count} in {name}"
                detail = f"is NaN, infinite or beyond double precision ({all_told}); a finite number is wanted"
                yield Fault(self.index(name, first), detail)


class Chunk(NamedTuple):
    """Some consecutive samples of a batch: float64 numbers in C order, never to be written to.

    They are finite once the batch has been tallied: what is not finite shows in the sums, so `tally` looks for it there
    before anything is made of them.

    Attributes
    ----------
    batch
        Where it was cut from.
    start
        The index of its first sample in the batch.
    x, y
        Shape (n, D).
    mu, logvar
        Shape (n, L), or None.
    weight
        Shape (n,), over ``2**batch.weight_exponent``, or None.
    """

    batch: Batch
    start: int
    x: Array
    y: Array
    mu: Array | None
    logvar: Array | None
    weight: Array | None

    def check_finite(self, checkpoint: Checkpoint = go_on) -> None:
        """Refuse NaN and infinity.

        Raises
        ------
        NotFinite
            There is some in this chunk; the refusal names every array of the batch that holds some, where its first is,
            and how many it has in all. Looking for those calls the checkpoint.
        """
        if not all(a is None or np.isfinite(a).all() for a in (self.x, self.y, self.mu, self.logvar)):
            raise refusal(NotFinite, *self.batch.not_finite(checkpoint))


def _as_float64(block: NDArray[Any]) -> Array:
    """(n, ...) of any real dtype and layout -> (n, elements of a sample), float64, C order, aligned; copied at need."""
    flat, flags = (block.shape[0], math.prod(block.shape[1:])), block.flags
    # Members of archives lie at any byte; what NumPy buffers would be slow, and summed in another order.
    if block.dtype is _DOUBLE and flags.c_contiguous and flags.aligned:
        return block.reshape(flat)
    found = spare(flat)
    with np.errstate(all="ignore"):  # long doubles beyond double precision become infinite, and are then refused
        np.copyto(found.reshape(block.shape), block, casting="same_kind")
    return found


def _incomplete(found: Mapping[str, NDArray[Any]]) -> LossInputError:
    """Refuse arrays of which some are unknown, or missing."""
    known = f"is not an array of a batch; there are {', '.join(ARRAY_NAMES)}"
    faults = [Fault((name,), known) for name in found if name not in ARRAY_NAMES]
    if faults:
        return refusal(InvalidOption, *faults)
    return refusal(MissingArray, *_missing(found))


def _missing(found: Mapping[str, NDArray[Any]]) -> Iterator[Fault]:
    """Name the arrays that should be there and are not."""
    for pair in (("x", "y"), ("mu", "logvar")):
        if pair == ("x", "y") or found.keys() & set(pair):
            why = "a batch needs x and y" if pair == ("x", "y") else "mu and logvar come together"
            yield from (Fault((name,), f"is missing; {why}") for name in pair if name not in found)


def _misfit(name: str, found: Mapping[str, NDArray[Any]], size: int | None) -> Fault | None:
    """Say what is wrong with the shape of one array, given the others and N, if that is known: None if nothing is."""
    shape = found[name].shape
    partner = _PARTNERS.get(name)
    wanted = found[partner].shape if partner else None
    detail = None
    if not shape:
        detail = "is a single number; an array whose first axis is the batch is wanted"
    elif 0 in shape:
        detail = f"is empty, with shape {shape}; at least one number is wanted along every axis"
    elif wanted and shape != wanted:
        detail = f"has shape {shape} but {partner} has {wanted}; they must be equal, nothing is broadcast"
    elif name == "sample_weight" and len(shape) > 1:
        detail = f"has shape {shape}; one number for each sample is wanted, shape (N,)"
    elif size not in (None, shape[0]):
        detail = f"has {shape[0]} {'sample' if shape[0] == 1 else 'samples'} but x has {size}"
    return None if detail is None else Fault((name,), detail)


def _exponent_of_weights(uploaded: NDArray[Any]) -> int:
    """Check the values of sample weights, and return the power of two that their chunks are divided by."""
    weight = _as_float64(uploaded)[:, 0]
    fault: tuple[type[LossInputError], int, str] | None = None
    if not np.isfinite(weight).all():
        wrong = np.flatnonzero(~np.isfinite(weight))
        fault = NotFinite, wrong[0], f"is NaN, infinite or beyond double precision ({wrong.size} in all)"
    elif weight.min() < 0:
        wrong = np.flatnonzero(weight < 0)
        fault = OutOfDomain, wrong[0], f"is negative ({wrong.size} in all)"
    if fault is not None:
        kind, first, what = fault
        raise refusal(kind, Fault(("sample_weight", int(first)), f"{what}; a finite number >= 0 is wanted"))
    if weight.max() == 0:
        raise refusal(OutOfDomain, Fault(("sample_weight",), "holds only zeros; at least one weight above 0 is wanted"))
    with np.errstate(over="ignore"):  # a sum that overflows is refused with the report
        return min(0, math.frexp(float(weight.sum()))[1])
