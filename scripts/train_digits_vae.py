"""Train a small variational autoencoder on handwritten digits and write its batches to samples/.

The data are the 8 x 8 handwritten digits of the UCI repository that ship with scikit-learn: 1797 samples of 64 pixels,
0 to 16, here divided by 16. The first 1500 samples train the model. The last 297, which it never sees, become the
batch: what the encoder says about them (mu and logvar) and one reconstruction each, decoded from a code drawn from
that posterior, as in training.

The objective is an honest negative ELBO: Version 1 of the question plus the KL vector,

    mean over samples of [ sum over pixels of (x - y)^2 + BETA * sum over latents of KL ]

which is, up to scale and a constant, that of a Gaussian decoder with the fixed variance BETA / 2. With BETA = 1 that
variance would be 1/2, more than all but three directions of these pixels have, and most latents would collapse.
BETA = 1/32 says 1/64 instead, close to the mean squared error that the model then reaches on samples that it has not
seen, which is the best value that a fixed variance can have (Rybkin et al. 2021, sigma-VAE). All ten latents live.

Everything but the data is NumPy. Run it with ``make samples``: one seed, a few seconds, and on one machine the same
bytes every time. Another machine may round a product of matrices differently, and 6000 steps of training make that
visible; therefore the files are kept in the repository, with their checksums.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = dict[str, Array]

SEED = 406038
FEATURES, HIDDEN, LATENTS = 64, 64, 10
TRAINING_SAMPLES = 1500
BETA = 1 / 32
EPOCHS, BATCH, LEARNING_RATE = 400, 100, 2e-3
EXAMPLES_OF_EACH_DIGIT = 2
SAMPLES = Path(__file__).parent.parent / "samples"


def digits() -> tuple[Array, NDArray[np.int64]]:
    """Give the images, shape (1797, 64) in sixteenths from 0 to 1, and which digit each one is, shape (1797,)."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - the model is tested where scikit-learn is not installed

    images, labels = load_digits(return_X_y=True)
    return images / 16, labels


def initial(rng: np.random.Generator) -> Parameters:
    """Draw the weights of the four layers (variance 1 / fan-in) and set the biases to zero."""
    shapes = {
        "encoder": (FEATURES, HIDDEN),
        "posterior": (HIDDEN, 2 * LATENTS),
        "decoder": (LATENTS, HIDDEN),
        "pixels": (HIDDEN, FEATURES),
    }
    weights = {layer: rng.normal(size=shape) / np.sqrt(shape[0]) for layer, shape in shapes.items()}
    biases = {f"{layer}_bias": np.zeros(shape[1]) for layer, shape in shapes.items()}
    return weights | biases


def layer(parameters: Parameters, name: str, inputs: Array) -> Array:
    """Apply one affine layer: inputs @ weights + bias."""
    return inputs @ parameters[name] + parameters[f"{name}_bias"]


def forward(parameters: Parameters, x: Array, noise: Array) -> dict[str, Array]:
    """Encode x, shape (n, 64), draw a code with the noise, shape (n, 10), decode it; give every value on the way."""
    encoded = np.tanh(layer(parameters, "encoder", x))
    mu, logvar = np.split(layer(parameters, "posterior", encoded), 2, axis=1)
    code = mu + np.exp(logvar / 2) * noise
    decoded = np.tanh(layer(parameters, "decoder", code))
    y = 1 / (1 + np.exp(-layer(parameters, "pixels", decoded)))
    return {"encoded": encoded, "mu": mu, "logvar": logvar, "code": code, "decoded": decoded, "y": y}


def objective(values: dict[str, Array], x: Array) -> float:
    """Give the mean over the samples of the summed squared error plus BETA times the summed KL divergence."""
    mu, logvar = values["mu"], values["logvar"]
    reconstruction = np.square(x - values["y"]).sum(axis=1)
    divergence = 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum(axis=1)
    return float(np.mean(reconstruction + BETA * divergence))


def gradients(parameters: Parameters, values: dict[str, Array], x: Array, noise: Array) -> Parameters:
    """Give the slope of the objective with respect to every parameter, by the chain rule from the pixels backwards."""
    slopes: Parameters = {}

    def back(name: str, inputs: Array, outputs_slope: Array) -> Array:
        slopes[name] = inputs.T @ outputs_slope
        slopes[f"{name}_bias"] = outputs_slope.sum(axis=0)
        return outputs_slope @ parameters[name].T

    y, mu, logvar = values["y"], values["mu"], values["logvar"]
    n = len(x)
    decoded_slope = back("pixels", values["decoded"], 2 / n * (y - x) * y * (1 - y))
    code_slope = back("decoder", values["code"], decoded_slope * (1 - values["decoded"] ** 2))
    mu_slope = code_slope + BETA / n * mu
    logvar_slope = code_slope * noise * np.exp(logvar / 2) / 2 + BETA / n * (np.exp(logvar) - 1) / 2
    encoded_slope = back("posterior", values["encoded"], np.hstack([mu_slope, logvar_slope]))
    back("encoder", x, encoded_slope * (1 - values["encoded"] ** 2))
    return slopes


def train(x: Array, rng: np.random.Generator) -> Parameters:
    """Minimise the objective over the samples with Adam (Kingma and Ba 2015), the step size falling to zero."""
    parameters = initial(rng)
    first = {name: np.zeros_like(value) for name, value in parameters.items()}
    second = {name: np.zeros_like(value) for name, value in parameters.items()}
    orders = np.concatenate([rng.permutation(len(x)) for _ in range(EPOCHS)]).reshape(-1, BATCH)
    for step, chosen in enumerate(orders, start=1):
        batch, noise = x[chosen], rng.normal(size=(BATCH, LATENTS))
        for name, slope in gradients(parameters, forward(parameters, batch, noise), batch, noise).items():
            first[name] += 0.1 * (slope - first[name])
            second[name] += 0.001 * (slope**2 - second[name])
            direction = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
            parameters[name] -= LEARNING_RATE * (1 - step / len(orders)) * direction
    return parameters


def rows(matrix: Array) -> str:
    """Write a matrix as JSON in as few characters as its numbers need, one sample on a line."""
    return "[\n" + ",\n".join("[" + ",".join(f"{value:g}" for value in row) + "]" for row in matrix) + "\n]"


def main() -> None:
    """Train, and write samples/digits_vae.npz and samples/digits_vae.json."""
    rng = np.random.default_rng(SEED)
    images, labels = digits()
    parameters = train(images[:TRAINING_SAMPLES], rng)
    x, held_out = images[TRAINING_SAMPLES:], labels[TRAINING_SAMPLES:]
    values = forward(parameters, x, rng.normal(size=(len(x), LATENTS)))
    sys.stdout.write(f"objective on {len(x)} samples that the model has not seen: {objective(values, x):.3f}\n")

    # Rounded first, so that the archive and the document hold the same numbers and nobody computes with more digits
    # than were published. A sigmoid is never 0 or 1: rounding must not make it so, or log(y) would see it.
    y = np.clip(np.round(values["y"], 4), 0.0001, 0.9999)
    mu, logvar = (np.round(values[name], 3) + 0.0 for name in ("mu", "logvar"))  # + 0.0: no minus before a zero
    single = np.float32
    np.savez(
        SAMPLES / "digits_vae.npz",
        x=x.astype(single),
        y=y.astype(single),
        mu=mu.astype(single),
        logvar=logvar.astype(single),
    )
    chosen = np.concatenate([np.flatnonzero(held_out == digit)[:EXAMPLES_OF_EACH_DIGIT] for digit in range(10)])
    fields = [
        f'"{name}": {rows(array[chosen])}' for name, array in {"x": x, "y": y, "mu": mu, "logvar": logvar}.items()
    ]
    (SAMPLES / "digits_vae.json").write_text("{\n" + ",\n".join([*fields, '"include": ["collapse"]']) + "\n}\n")


if __name__ == "__main__":
    main()
