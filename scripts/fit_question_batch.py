"""Write samples/question_100x90.json: a plain autoencoder's batch in the question's own shape, (100, 90).

The samples are made up, and say so: 90 steps of a signal, five sines of 1 to 5 cycles with random amplitudes and
phases around 1/2, plus noise, held within [0, 1]. Ten directions, then, and noise. The autoencoder is the best linear
one with six units, which is the principal component analysis of 400 signals of the same kind; the batch is 100 others
and their reconstructions. There is no KL term: this is the question before its edit.

Two decimals are kept, before anything is computed from them. Run it with ``make samples``.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEED = 406038
TRAINING_SAMPLES, SAMPLES, FEATURES, UNITS = 400, 100, 90, 6
TARGET = Path(__file__).parent.parent / "samples" / "question_100x90.json"


def signals(rng: np.random.Generator, count: int) -> Array:
    """Draw so many signals, shape (count, 90), between 0 and 1."""
    cycles = np.arange(1, 6)
    amplitude = rng.normal(scale=0.2 / cycles, size=(count, len(cycles)))
    phase = rng.uniform(high=2 * np.pi, size=(count, len(cycles)))
    angle = 2 * np.pi * cycles * np.arange(FEATURES)[:, None] / FEATURES + phase[:, None, :]
    noise = rng.normal(scale=0.03, size=(count, FEATURES))
    signal: Array = (amplitude[:, None, :] * np.sin(angle)).sum(axis=2)
    return np.clip(0.5 + signal + noise, 0, 1)


def rows(matrix: Array) -> str:
    """Write a matrix as JSON with two decimals at most, one sample on a line."""
    hundredths = np.round(matrix, 2) + 0.0  # + 0.0: no minus before a zero
    return "[\n" + ",\n".join("[" + ",".join(f"{value:g}" for value in row) + "]" for row in hundredths) + "\n]"


def main() -> None:
    """Fit the components to one set of signals, reconstruct another, and write both sides of it."""
    rng = np.random.default_rng(SEED)
    seen, x = signals(rng, TRAINING_SAMPLES), signals(rng, SAMPLES)
    centre = seen.mean(axis=0)
    components = np.linalg.svd(seen - centre, full_matrices=False)[2][:UNITS]
    y = centre + (x - centre) @ components.T @ components
    TARGET.write_text(f'{{\n"x": {rows(x)},\n"y": {rows(y)}\n}}\n')


if __name__ == "__main__":
    main()
