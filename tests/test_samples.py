"""The sample batches: the files are those that were published, and they hold what samples/README.md says."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.api.examples import REQUESTS
from scripts import train_digits_vae as vae

Array = NDArray[np.float64]

SAMPLES = Path(__file__).parent.parent / "samples"
PUBLISHED = dict(line.split()[::-1] for line in (SAMPLES / "SHA256SUMS").read_text().splitlines())
README = (SAMPLES / "README.md").read_text()


def arrays(name: str) -> dict[str, Array]:
    """Read the arrays of one sample batch as float64, whatever kind of file it is."""
    path = SAMPLES / name
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return {key: archive[key].astype(np.float64) for key in archive.files}
    body = json.loads(path.read_text())
    return {key: np.array(body[key], dtype=np.float64) for key in ("x", "y", "mu", "logvar") if key in body}


digits = pytest.mark.parametrize("name", ["digits_vae.json", "digits_vae.npz"])


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_sample_is_the_published_file(name: str) -> None:
    assert hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest() == PUBLISHED[name]


def test_every_sample_has_a_checksum() -> None:
    assert sorted(PUBLISHED) == sorted(path.name for path in SAMPLES.iterdir() if path.suffix in {".json", ".npz"})


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_sample_has_the_shape_that_its_readme_gives(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| \((\d+), (\d+)\) \| (\d+|none) \|", README, re.MULTILINE)
    assert row is not None
    n, features, latents = row.groups()
    batch = arrays(name)
    assert batch["x"].shape == batch["y"].shape == (int(n), int(features))
    assert ("mu" in batch) == ("logvar" in batch) == (latents != "none")
    if latents != "none":
        assert batch["mu"].shape == batch["logvar"].shape == (int(n), int(latents))


@digits
def test_the_digits_are_64_pixels_in_exact_sixteenths(name: str) -> None:
    x = arrays(name)["x"]
    assert x.shape[1] == 64
    np.testing.assert_array_equal(x * 16, np.round(x * 16))
    assert (x.min(), x.max()) == (0, 1)


@digits
def test_the_reconstructions_are_open_probabilities(name: str) -> None:
    y = arrays(name)["y"]
    assert np.all((y > 0) & (y < 1))


def test_the_document_is_a_part_of_the_archive() -> None:
    document, archive = arrays("digits_vae.json"), arrays("digits_vae.npz")
    for sample in range(len(document["x"])):
        (row,) = np.flatnonzero((archive["x"] == document["x"][sample]).all(axis=1))
        for name in ("y", "mu", "logvar"):
            np.testing.assert_array_equal(archive[name][row], document[name][sample].astype(np.float32))


def test_the_archive_is_single_precision() -> None:
    with np.load(SAMPLES / "digits_vae.npz") as archive:
        assert {archive[name].dtype for name in archive.files} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("name", "column"), [("digits_vae.npz", 1), ("digits_vae.json", 2)])
def test_the_readme_states_the_true_figures(name: str, column: int) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line.startswith("|")
    ]
    stated = {row[0].split(",")[0].split(" (")[0]: row[column] for row in rows if len(row) == 3}
    batch = arrays(name)
    squared = np.square(batch["x"] - batch["y"])
    kl = 0.5 * (np.exp(batch["logvar"]) + batch["mu"] ** 2 - 1 - batch["logvar"])
    assert stated["Version 1"] == f"{squared.sum(axis=1).mean():.4f}"
    assert stated["Version 2"] == f"{squared.mean():.5f}"
    assert stated["KL"] == f"{kl.sum(axis=1).mean():.2f}"
    assert stated["active units"] == str(np.count_nonzero(kl.mean(axis=0) > 0.01))
    assert stated["total variance of `x`"] == f"{batch['x'].var(axis=0).sum():.3f}"


def test_the_readme_states_the_true_figures_of_the_question() -> None:
    batch = arrays("question_100x90.json")
    squared = np.square(batch["x"] - batch["y"])
    assert f"Version 1 is {squared.sum(axis=1).mean():.4f}" in README
    assert f"ninetieth of it, {squared.mean():.6f}" in README


def test_the_tiny_batch_can_be_checked_in_the_head() -> None:
    batch = arrays("tiny.json")
    np.testing.assert_array_equal(np.square(batch["x"] - batch["y"]), [[1, 1, 4], [4, 4, 4]])
    np.testing.assert_array_equal(batch["logvar"], np.zeros((2, 2)))
    np.testing.assert_array_equal((batch["mu"] ** 2 / 2).sum(axis=1), [1, 2])


@pytest.mark.parametrize(("example", "name"), [("digits", "digits_vae.json"), ("question", "question_100x90.json")])
def test_an_example_of_the_api_holds_the_first_samples(example: str, name: str) -> None:
    value, batch = REQUESTS[example]["value"], arrays(name)
    for key, array in batch.items():
        np.testing.assert_array_equal(value[key], array[: len(value["x"])])


def test_the_gradients_of_the_training_are_those_of_its_objective() -> None:
    rng = np.random.default_rng(0)
    parameters, x = vae.initial(rng), rng.uniform(size=(3, vae.FEATURES))
    noise = rng.normal(size=(3, vae.LATENTS))
    slopes = vae.gradients(parameters, vae.forward(parameters, x, noise), x, noise)
    for name, values in parameters.items():
        direction = rng.normal(size=values.shape)
        ends = []
        for step in (-1e-5, 1e-5):
            moved = parameters | {name: values + step * direction}
            ends.append(vae.objective(vae.forward(moved, x, noise), x))
        # A central difference of step h is off by about h squared and by eps / h.
        np.testing.assert_allclose(np.sum(slopes[name] * direction), (ends[1] - ends[0]) / 2e-5, rtol=1e-7, atol=1e-9)
