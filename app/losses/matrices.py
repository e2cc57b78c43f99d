"""The elements themselves, in the shapes that were uploaded. They are made only where they are asked for."""

import numpy as np

from app.losses.arrays import Array
from app.losses.batch import Batch
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.divergence import divergence
from app.losses.objective import Objective

__all__ = ["divergence_elementwise", "elementwise"]


def elementwise(batch: Batch, objective: Objective, checkpoint: Checkpoint = go_on) -> Array:
    """Compute the elementwise loss of a batch that has been tallied: its values are known to lie in the domain.

    Returns
    -------
    Array
        The shape of `x`.
    """
    elements = np.empty((batch.size, batch.feature_count))
    for start, stop in batch.cuts(checkpoint=checkpoint):
        elements[start:stop] = objective.value(batch.block("x", start, stop), batch.block("y", start, stop))
    return elements.reshape(batch.x.shape)


def divergence_elementwise(batch: Batch, checkpoint: Checkpoint = go_on) -> Array | None:
    """Compute the KL divergence of every latent dimension of every sample of a batch that has been tallied.

    Returns
    -------
    Array or None
        The shape of `mu`; None without mu and logvar.
    """
    if batch.mu is None or batch.latent_count is None:
        return None
    elements = np.empty((batch.size, batch.latent_count))
    for start, stop in batch.cuts(checkpoint=checkpoint):
        elements[start:stop] = divergence(batch.block("mu", start, stop), batch.block("logvar", start, stop))
    return elements.reshape(batch.mu.shape)
