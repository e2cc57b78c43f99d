"""The usual service: what one writes first with FastAPI, pydantic and NumPy. It is written with care, not to lose.

The endpoint is a plain function, which FastAPI runs in a thread; request and answer are models, so that both are
checked and documented; the arithmetic is NumPy's.
"""

from typing import Annotated, Literal

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from benchmarks.services.reductions import document

__all__ = ["app"]

Matrix = list[list[float]]


class Batch(BaseModel):
    """A batch, its reconstruction and, for a variational autoencoder, its posterior."""

    x: Matrix
    y: Matrix
    mu: Matrix | None = None
    logvar: Matrix | None = None
    beta: Annotated[float, Field(ge=0)] = 1.0
    include: list[Literal["elementwise"]] = []


class Reductions(BaseModel):
    """A term of each sample, reduced over its features in both ways."""

    sum: list[float]
    mean: list[float]


class PerSample(BaseModel):
    """One number for each sample."""

    reconstruction: Reductions
    kl: Reductions | None
    total: dict[str, list[float]] | None


class Variant(BaseModel):
    """One way to reduce both terms."""

    total: float
    scale: float
    effective_beta: float | None


class Answer(BaseModel):
    """Every reduction of a batch's loss."""

    beta: float
    per_sample: PerSample
    variants: dict[str, Variant]
    elementwise: Matrix | None


app = FastAPI()


@app.post("/loss")
def loss(batch: Batch) -> Answer:
    """Reduce the loss of a batch in every way."""
    try:
        arrays = {
            name: None if rows is None else np.array(rows, dtype=np.float64)
            for name, rows in (("mu", batch.mu), ("logvar", batch.logvar))
        }
        found = document(
            np.array(batch.x, dtype=np.float64),
            np.array(batch.y, dtype=np.float64),
            arrays["mu"],
            arrays["logvar"],
            batch.beta,
            with_elements="elementwise" in batch.include,
        )
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return Answer(**found)
