"""PyTorch: functional losses, `torch.distributions`, autograd, and the catalogue rows that are written with them.

Every function under `@proves` is the row's formula in our words; what a row's caveat names (a perceptual distance, a
guard) is left out. Where a code base estimates its KL term from one sampled code, the noise is not drawn but put at
+1 and -1: log q - log p is quadratic in it, and the mean of two points is then its expectation without any error.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pytest
from mpmath import mpf

from app.conventions import CONVENTIONS
from app.losses import find
from app.losses.divergence import divergence
from tests import exact
from tests.reference.agreement import EPS32, Foreign, agree, lost_digits
from tests.reference.ours import PARAMETERS, REDUCTIONS, Array, Arrays, Ours, batch, labels, near_the_prior, recipe_of
from tests.reference.proofs import Inputs, Proof, Proofs, hold_gradients, hold_number

torch: Foreign = pytest.importorskip("torch", reason="PyTorch has its own environment: make test-reference-torch")
F: Final[Foreign] = torch.nn.functional
Normal: Final[Foreign] = torch.distributions.Normal
kl_divergence: Final[Foreign] = torch.distributions.kl_divergence

LOGITS: Final = find("binary_cross_entropy_with_logits")

proves = Proofs()
shows = pytest.mark.row


# --- losses ---------------------------------------------------------------------------------------

LOSSES: Final = {
    "squared_error": F.mse_loss,
    "half_squared_error": lambda y, x, reduction: 0.5 * F.mse_loss(y, x, reduction=reduction),
    "absolute_error": F.l1_loss,
    "huber": F.huber_loss,
    "smooth_l1": lambda y, x, reduction, delta: F.smooth_l1_loss(y, x, reduction=reduction, beta=delta),
    "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "gaussian_nll": lambda y, x, reduction, variance: F.gaussian_nll_loss(
        y, x, torch.full_like(y, variance), full=True, reduction=reduction
    ),
    "poisson_nll": lambda y, x, reduction: F.poisson_nll_loss(y, x, log_input=False, eps=0.0, reduction=reduction),
}
"""Every loss of ours that PyTorch has a function for: it has no log-cosh and no squared logarithmic error."""

CASES: Final = [(loss, parameters) for loss in LOSSES for parameters in PARAMETERS.get(loss, ({},))]
every_loss = pytest.mark.parametrize(("loss", "parameters"), CASES, ids=str)


def tensors(arrays: Arrays) -> Inputs:
    """Hand a batch over, with gradients wanted."""
    made = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    for name in ("y", "mu", "logvar"):
        made[name].requires_grad_()
    return Inputs(**made)


@every_loss
def test_a_loss_has_our_elements_and_slopes(loss: str, parameters: dict[str, float]) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), tensors(arrays)
    elements = LOSSES[loss](b.y, b.x, reduction="none", **parameters)
    agree(elements.detach(), ours.elements, about=("torch", loss), column="elements", within=4)
    (elements.sum(1).mean(0)).backward()
    agree(b.y.grad, ours.slopes.y, about=("torch", loss), column="gradients", within=4)


@every_loss
@pytest.mark.parametrize(("reduction", "variant"), [("mean", "mean_mean"), ("sum", "sum_sum")])
def test_a_reduced_loss_is_our_variant(loss: str, parameters: dict[str, float], reduction: str, variant: str) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), tensors(arrays)
    reduced = LOSSES[loss](b.y, b.x, reduction=reduction, **parameters)
    agree(reduced.detach(), ours.reconstruction[variant], about=("torch", loss), within=4)


@every_loss
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_four_reductions_are_ours(loss: str, parameters: dict[str, float], reduction: str) -> None:
    arrays = batch(loss)
    ours, b = Ours.of(arrays, loss, **parameters), tensors(arrays)
    reduced = REDUCTIONS[reduction](LOSSES[loss](b.y, b.x, reduction="none", **parameters))
    agree(reduced.detach(), ours.reconstruction[reduction], about=("torch", loss), within=4)


@every_loss
def test_in_single_precision_it_is_ours_to_single_precision(loss: str, parameters: dict[str, float]) -> None:
    arrays = batch(loss, dtype="float32")
    ours, b = Ours.of(arrays, loss, **parameters), tensors(arrays)
    for reduction, variant in (("mean", "mean_mean"), ("sum", "sum_sum")):
        reduced = LOSSES[loss](b.y, b.x, reduction=reduction, **parameters).detach()
        assert reduced.dtype == torch.float32
        expected = ours.reconstruction[variant]
        agree(reduced, expected, about=("torch", loss), column="float32", within=4, eps=EPS32)


# --- the KL divergence ----------------------------------------------------------------------------


def textbook(b: Inputs) -> Foreign:
    """Write the divergence of every latent as most code does, from log variances."""
    return -0.5 * (1 + b.logvar - b.mu.pow(2) - b.logvar.exp())


def of_log_sigma(b: Inputs) -> Foreign:
    """Write the same for an encoder whose output is log sigma."""
    log_sigma = 0.5 * b.logvar
    return -0.5 * (1 + 2 * log_sigma - b.mu.pow(2) - (2 * log_sigma).exp())


def of_distributions(b: Inputs) -> Foreign:
    """Ask `torch.distributions`."""
    sigma = torch.exp(0.5 * b.logvar)
    return kl_divergence(Normal(b.mu, sigma), Normal(torch.zeros_like(sigma), torch.ones_like(sigma)))


def sampled(b: Inputs) -> Foreign:
    """Estimate it from codes, log q(z) - log p(z), at noise +1 and -1: the mean of the two is exact."""
    q = Normal(b.mu, torch.exp(0.5 * b.logvar))
    p = Normal(torch.zeros_like(b.mu), torch.ones_like(b.mu))
    codes = [q.loc + noise * q.scale for noise in (1, -1)]
    return sum(q.log_prob(z) - p.log_prob(z) for z in codes) / 2


DIVERGENCES: Final = {
    "KL, textbook formula": textbook,
    "KL, torch.distributions": of_distributions,
    "KL, sampled at +1 and -1": sampled,
}
every_divergence = pytest.mark.parametrize("way", DIVERGENCES)


@every_divergence
def test_the_divergence_has_our_elements_and_slopes(way: str) -> None:
    arrays = batch("squared_error")
    ours, b = Ours.of(arrays, "squared_error"), tensors(arrays)
    elements = DIVERGENCES[way](b)
    agree(elements.detach(), ours.divergence, about=("torch", way), column="elements", within=4)
    (elements.sum(1).mean(0)).backward()
    assert ours.slopes.mu is not None
    assert ours.slopes.logvar is not None
    agree(b.mu.grad, ours.slopes.mu, about=("torch", way), column="gradients", within=4)
    agree(b.logvar.grad, ours.slopes.logvar, about=("torch", way), column="gradients", within=4)


@every_divergence
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_reduced_divergence_is_ours(way: str, reduction: str) -> None:
    arrays = batch("squared_error")
    reduced = REDUCTIONS[reduction](DIVERGENCES[way](tensors(arrays)))
    agree(reduced.detach(), Ours.of(arrays, "squared_error").kl[reduction], about=("torch", way), within=4)


# --- functions of PyTorch -------------------------------------------------------------------------


@proves("torch-mse-loss", when="reduction='mean', the default", loss="squared_error")
def mse_mean(b: Inputs) -> Foreign:
    return torch.nn.MSELoss()(b.y, b.x)


@proves("torch-mse-loss", when="reduction='sum'", loss="squared_error")
def mse_sum(b: Inputs) -> Foreign:
    return F.mse_loss(b.y, b.x, reduction="sum")


@proves("torch-bce", when="reduction='mean', the default", loss="binary_cross_entropy")
def bce_mean(b: Inputs) -> Foreign:
    return torch.nn.BCELoss()(b.y, b.x)


@proves("torch-bce", when="reduction='sum'", loss="binary_cross_entropy")
def bce_sum(b: Inputs) -> Foreign:
    return F.binary_cross_entropy(b.y, b.x, reduction="sum")


@proves("torch-gaussian-nll", when="reduction='mean', the default", loss="gaussian_nll")
def gaussian_mean(b: Inputs) -> Foreign:
    return torch.nn.GaussianNLLLoss()(b.y, b.x, torch.ones_like(b.x))


@proves("torch-gaussian-nll", when="reduction='sum'", loss="gaussian_nll")
def gaussian_sum(b: Inputs) -> Foreign:
    return F.gaussian_nll_loss(b.y, b.x, torch.ones_like(b.x), reduction="sum")


@proves("torch-gaussian-nll", when="reduction='mean', full=True", loss="gaussian_nll")
def gaussian_full_mean(b: Inputs) -> Foreign:
    return torch.nn.GaussianNLLLoss(full=True)(b.y, b.x, torch.ones_like(b.x))


@proves("torch-gaussian-nll", when="reduction='sum', full=True", loss="gaussian_nll")
def gaussian_full_sum(b: Inputs) -> Foreign:
    return F.gaussian_nll_loss(b.y, b.x, torch.ones_like(b.x), full=True, reduction="sum")


@pytest.mark.parametrize(
    ("row", "loss"),
    [
        ("torch-mse-loss", "squared_error"),
        ("torch-bce", "binary_cross_entropy"),
        ("torch-gaussian-nll", "gaussian_nll"),
    ],
)
@shows("torch-mse-loss", when="reduction='none'")
@shows("torch-bce", when="reduction='none'")
@shows("torch-gaussian-nll", when="reduction='none'")
def test_unreduced_losses_keep_the_shape_of_x(row: str, loss: str) -> None:
    arrays = batch(loss, "images")
    b, recipe = tensors(arrays), recipe_of(row, "reduction='none'")
    function = F.gaussian_nll_loss if loss == "gaussian_nll" else LOSSES[loss]
    more = (torch.ones_like(b.x),) if loss == "gaussian_nll" else ()
    found = function(b.y, b.x, *more, reduction="none").detach()
    assert recipe.reconstruction == "none"
    constant = recipe.constant.value({"ln_2pi": math.log(math.tau)})
    agree(found, Ours.of(arrays, loss).elements + constant, about=("torch", f"row {row}"), within=4)


def categorical(arrays: Arrays) -> tuple[Foreign, Foreign, Array]:
    """Make log q and p of a batch of distributions, and the elements p (log p - log q) as a formula of NumPy."""
    mu, logvar = arrays["mu"], arrays["logvar"]
    log_q, log_p = (a - np.log(np.exp(a).sum(1, keepdims=True)) for a in (mu, logvar))
    return torch.from_numpy(log_q), torch.from_numpy(np.exp(log_p)), np.exp(log_p) * (log_p - log_q)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
@pytest.mark.parametrize("recipe", CONVENTIONS["torch-kl-div"].recipes, ids=lambda recipe: recipe.when)
@shows("torch-kl-div", when="reduction='mean', the default")
@shows("torch-kl-div", when="reduction='batchmean'")
@shows("torch-kl-div", when="reduction='sum'")
@shows("torch-kl-div", when="reduction='none'")
def test_kl_div_reduces_as_its_row_says(recipe: Foreign) -> None:
    log_q, p, elements = categorical(batch("squared_error"))
    name = recipe.when.split("'")[1]
    found = F.kl_div(log_q, p, reduction=name)
    expected = elements if recipe.kl == "none" else REDUCTIONS[recipe.kl](elements)
    agree(found, expected, about=("torch", "row torch-kl-div"), within=4)


# --- models: everything summed --------------------------------------------------------------------


@proves("pytorch-examples-vae", loss="binary_cross_entropy")
@proves("yunjey-vae", loss="binary_cross_entropy")
def bce_and_textbook_summed(b: Inputs) -> Foreign:
    return F.binary_cross_entropy(b.y, b.x, reduction="sum") + textbook(b).sum()


@proves("ctallec-world-models", loss="squared_error")
def squares_and_log_sigma_summed(b: Inputs) -> Foreign:
    return F.mse_loss(b.y, b.x, reduction="sum") + of_log_sigma(b).sum()


@proves("antixk-dip", loss="squared_error")
def dip(b: Inputs, kld_weight: float) -> Foreign:
    return F.mse_loss(b.y, b.x, reduction="sum") + kld_weight * textbook(b).sum()


@proves("pyro-vae", loss="binary_cross_entropy")
def pyro(b: Inputs) -> Foreign:
    plate = torch.distributions.Bernoulli(b.y, validate_args=False)
    return -plate.log_prob(b.x).sum() + sampled(b).sum()


@proves("probtorch-elbo", when="batch_dim not given", loss="gaussian_nll")
def probtorch_summed(b: Inputs, beta: float) -> Foreign:
    return -Normal(b.y, 1.0).log_prob(b.x).sum() + beta * sampled(b).sum()


@proves("probtorch-elbo", when="batch_dim given", loss="gaussian_nll")
def probtorch_per_sample(b: Inputs, beta: float) -> Foreign:
    likelihood = Normal(b.y, 1.0).log_prob(b.x).flatten(1).sum(1)
    return -(likelihood - beta * sampled(b).sum(1)).mean()


@proves("probtorch-elbo", when="batch_dim given", loss="binary_cross_entropy_with_logits")
def probtorch_of_logits(b: Inputs, beta: float) -> Foreign:
    likelihood = torch.distributions.Bernoulli(logits=b.y, validate_args=False).log_prob(b.x).flatten(1).sum(1)
    return -(likelihood - beta * sampled(b).sum(1)).mean()


# --- models: per sample ---------------------------------------------------------------------------


def per_sample(elements: Foreign) -> Foreign:
    """Sum over everything but the batch."""
    return elements.flatten(1).sum(1)


@proves("pythae-vae", when="mse, the default", loss="squared_error")
def pythae_mse(b: Inputs) -> Foreign:
    return (0.5 * per_sample(F.mse_loss(b.y, b.x, reduction="none")) + textbook(b).sum(1)).mean(0)


@proves("pythae-vae", when="bce", loss="binary_cross_entropy")
def pythae_bce(b: Inputs) -> Foreign:
    return (per_sample(F.binary_cross_entropy(b.y, b.x, reduction="none")) + textbook(b).sum(1)).mean(0)


@proves("pythae-beta-vae", when="mse, the default", loss="squared_error")
def pythae_beta_mse(b: Inputs, beta: float) -> Foreign:
    return (0.5 * per_sample(F.mse_loss(b.y, b.x, reduction="none")) + beta * textbook(b).sum(1)).mean(0)


@proves("pythae-beta-vae", when="bce", loss="binary_cross_entropy")
def pythae_beta_bce(b: Inputs, beta: float) -> Foreign:
    return (per_sample(F.binary_cross_entropy(b.y, b.x, reduction="none")) + beta * textbook(b).sum(1)).mean(0)


@proves("pythae-ae", loss="squared_error")
def pythae_ae(b: Inputs) -> Foreign:
    return per_sample(F.mse_loss(b.y, b.x, reduction="none")).mean(0)


@proves("disentangling-vae-bernoulli", loss="binary_cross_entropy")
def disentangling_bernoulli(b: Inputs, beta: float) -> Foreign:
    return F.binary_cross_entropy(b.y, b.x, reduction="sum") / b.size + beta * textbook(b).mean(0).sum()


@proves("disentangling-vae-gaussian", loss="squared_error")
def disentangling_gaussian(b: Inputs, beta: float) -> Foreign:
    pixels = F.mse_loss(255 * b.y, 255 * b.x, reduction="sum") / 255
    return pixels / b.size + beta * textbook(b).mean(0).sum()


@proves("disentangling-vae-laplace", loss="absolute_error")
def disentangling_laplace(b: Inputs, beta: float) -> Foreign:
    return 3 * F.l1_loss(b.y, b.x, reduction="sum") / b.size + beta * textbook(b).mean(0).sum()


@proves("1konny-beta-vae-h", loss="binary_cross_entropy_with_logits")
def konny_bernoulli(b: Inputs, beta: float) -> Foreign:
    reconstruction = F.binary_cross_entropy_with_logits(b.y, b.x, reduction="sum") / b.size
    return reconstruction + beta * textbook(b).sum(1).mean(0)


@proves("1konny-beta-vae-h", loss="squared_error")
def konny_gaussian(b: Inputs, beta: float) -> Foreign:
    return F.mse_loss(b.y, b.x, reduction="sum") / b.size + beta * textbook(b).sum(1).mean(0)


@proves("ldm-lpips-disc", loss="absolute_error")
def latent_diffusion(b: Inputs, kl_weight: float) -> Foreign:
    log_variance = torch.zeros(())
    nll = torch.abs(b.x - b.y) / torch.exp(log_variance) + log_variance
    kl = 0.5 * torch.sum(b.mu**2 + b.logvar.exp() - 1 - b.logvar, dim=1)
    return nll.sum() / b.size + kl_weight * kl.sum() / b.size


@proves("diffusers-autoencoderkl", when="squared error, the default", loss="squared_error")
def diffusers_squares(b: Inputs, kl_scale: float) -> Foreign:
    kl = 0.5 * torch.sum(b.mu**2 + b.logvar.exp() - 1 - b.logvar, dim=1)
    return F.mse_loss(b.y, b.x, reduction="none").sum() / b.size + kl_scale * kl.sum() / b.size


@proves("diffusers-autoencoderkl", when="absolute error", loss="absolute_error")
def diffusers_absolute(b: Inputs, kl_scale: float) -> Foreign:
    kl = 0.5 * torch.sum(b.mu**2 + b.logvar.exp() - 1 - b.logvar, dim=1)
    return F.l1_loss(b.y, b.x, reduction="none").sum() / b.size + kl_scale * kl.sum() / b.size


@proves("nvlabs-nvae", loss="binary_cross_entropy_with_logits")
def nvae_of_bernoulli_pixels(b: Inputs, kl_coeff: float) -> Foreign:
    pixels = torch.distributions.Bernoulli(logits=b.y, validate_args=False).log_prob(b.x)
    return torch.mean(-per_sample(pixels) + kl_coeff * of_distributions(b).sum(1))


@proves("alibi-detect-outliervae", loss="gaussian_nll")
def alibi(b: Inputs, variance: float, beta: float) -> Foreign:
    likelihood = per_sample(Normal(b.y, math.sqrt(variance)).log_prob(b.x))
    return -likelihood.mean() + beta * textbook(b).mean()


def poisson(arrays: Arrays) -> Array:
    """Make the elements of a Poisson likelihood, log(x!) included, with the standard library."""
    terms = [y - x * math.log(y) + math.lgamma(x + 1) for x, y in zip(arrays["x"].flat, arrays["y"].flat, strict=True)]
    return np.array(terms).reshape(arrays["x"].shape)


@proves("scvi-vae", loss="poisson_nll", elements=poisson)
def scvi_of_poisson_counts(b: Inputs, kl_weight: float) -> Foreign:
    counts = -per_sample(torch.distributions.Poisson(b.y).log_prob(b.x))
    return torch.mean(counts + kl_weight * of_distributions(b).sum(1))


# --- models: element means, and mixtures ----------------------------------------------------------


@proves("pytorch-examples-vae-2017-10", loss="binary_cross_entropy")
def example_of_2017(b: Inputs, nominal_batch: float) -> Foreign:
    return F.binary_cross_entropy(b.y, b.x) + textbook(b).sum() / (nominal_batch * b.features)


@proves("antixk-vanilla", when="training", loss="squared_error")
@proves("antixk-vanilla", when="validation", loss="squared_error")
def vanilla(b: Inputs, kld_weight: float) -> Foreign:
    return F.mse_loss(b.y, b.x) + kld_weight * torch.mean(textbook(b).sum(1), dim=0)


@proves("antixk-beta-h", loss="squared_error")
def beta_h(b: Inputs, beta: float, kld_weight: float) -> Foreign:
    return F.mse_loss(b.y, b.x) + beta * kld_weight * torch.mean(textbook(b).sum(1), dim=0)


@proves("bolts-vae", loss="squared_error")
def bolts(b: Inputs, kl_coeff: float) -> Foreign:
    return F.mse_loss(b.y, b.x, reduction="mean") + kl_coeff * sampled(b).mean()


@proves("ethanluoyc-vae", loss="squared_error")
def ethanluoyc(b: Inputs) -> Foreign:
    sigma = torch.exp(0.5 * b.logvar)
    latent = 0.5 * torch.mean(b.mu * b.mu + sigma * sigma - torch.log(sigma * sigma) - 1)
    return torch.nn.MSELoss()(b.y, b.x) + latent


@proves("sigma-vae-mse-baseline", loss="squared_error")
def sigma_baseline(b: Inputs) -> Foreign:
    return F.mse_loss(b.y, b.x, reduction="mean") + textbook(b).sum()


@proves("dalle-pytorch-dvae", loss="squared_error")
def dvae_of_squares(b: Inputs, kl_div_loss_weight: float, delta: float) -> Foreign:  # noqa: ARG001 - of the other loss
    return F.mse_loss(b.y, b.x) + kl_div_loss_weight * codes_from_uniform(b)


@proves("dalle-pytorch-dvae", loss="smooth_l1")
def dvae_of_smooth_l1(b: Inputs, kl_div_loss_weight: float, delta: float) -> Foreign:
    return F.smooth_l1_loss(b.y, b.x, beta=delta) + kl_div_loss_weight * codes_from_uniform(b)


def codes_from_uniform(b: Inputs) -> Foreign:
    """Ask F.kl_div with a single number as its input, the logarithm of 1 / (number of codes)."""
    log_codes = F.log_softmax(b.mu, dim=-1)
    log_uniform = torch.log(torch.tensor([1 / b.mu.shape[-1]], dtype=b.mu.dtype))
    return F.kl_div(log_uniform, log_codes, reduction="batchmean", log_target=True)


def test_the_divergence_of_the_discrete_vae_is_summed_over_the_batch_as_its_row_says() -> None:
    b = tensors(batch("squared_error"))
    log_codes = F.log_softmax(b.mu, dim=-1).detach().numpy()
    elements = np.exp(log_codes) * (log_codes + math.log(log_codes.shape[-1]))
    agree(codes_from_uniform(b).detach(), elements.sum(), about=("torch", "row dalle-pytorch-dvae"), within=16)


# --- models: tokens, graphs, sound ----------------------------------------------------------------

_TOKENS: Final = 4
_PADDING: Final = 0


def tokens(x: Foreign) -> Foreign:
    """Read target tokens, (N, steps), off the targets of a batch of text; the first of them is padding."""
    return x.argmax(-1)


def token_losses(arrays: Arrays) -> Array:
    """Make the cross-entropy of every token, 0 for padding, spread over an axis of one."""
    logits, wanted = arrays["y"], tokens(arrays["x"])
    normaliser = np.log(np.exp(logits).sum(-1))
    losses = normaliser - np.take_along_axis(logits, wanted[..., np.newaxis], -1)[..., 0]
    return np.where(wanted == _PADDING, 0.0, losses)


def token_count(arrays: Arrays) -> dict[str, float]:
    """Count the tokens of a sample that are not padding, averaged over the batch."""
    return {"D": float((tokens(arrays["x"]) != _PADDING).sum() / len(arrays["x"]))}


@proves("moses-vae", loss="squared_error", batch="one-hot text", elements=token_losses, symbols=token_count)
def moses(b: Inputs, kl_weight: float) -> Foreign:
    logits, wanted = b.y.flatten(0, 1), tokens(b.x).flatten()
    kl = 0.5 * (b.logvar.exp() + b.mu**2 - 1 - b.logvar).sum(1).mean()
    return F.cross_entropy(logits, wanted, ignore_index=_PADDING) + kl_weight * kl


@proves("sentence-vae", loss="squared_error", batch="one-hot text", elements=token_losses)
def sentence(b: Inputs, kl_weight: float) -> Foreign:
    log_probabilities = F.log_softmax(b.y, dim=-1).flatten(0, 1)
    nll = torch.nn.NLLLoss(ignore_index=_PADDING, reduction="sum")(log_probabilities, tokens(b.x).flatten())
    return (nll + kl_weight * textbook(b).sum()) / b.size


def weight_of_edges(x: Foreign) -> float:
    """Weigh the edges of a graph so that both classes count alike."""
    return float((x.size if isinstance(x, np.ndarray) else x.numel()) / x.sum() - 1)


def edge_losses(arrays: Arrays) -> Array:
    """Make the weighted cross-entropy of every pair of nodes."""
    x, logits = arrays["x"].round(), arrays["y"]
    edge, none = np.log1p(np.exp(-logits)), np.log1p(np.exp(logits))
    return np.asarray(weight_of_edges(x) * x * edge + (1 - x) * none)


@proves("tkipf-gae", loss="squared_error", batch="graph", elements=edge_losses)
def graph(b: Inputs, norm: float) -> Foreign:
    x = b.x.round()
    weight = torch.tensor(weight_of_edges(x), dtype=x.dtype)
    nodes = b.size
    cost = norm * torch.mean(F.binary_cross_entropy_with_logits(b.y, x, pos_weight=weight))
    log_sigma = 0.5 * b.logvar
    inner = torch.sum(1 + 2 * log_sigma - b.mu**2 - torch.exp(log_sigma) ** 2, dim=1)
    return cost - (0.5 / nodes) * torch.mean(inner)


@proves("stable-audio-vae-bottleneck", loss="squared_error", batch="audio")
def stable_audio(b: Inputs, kl_weight: float) -> Foreign:
    return kl_weight * (b.mu * b.mu + b.logvar.exp() - b.logvar - 1).sum(1).mean()


# --- models that are not affine: what is said of them -----------------------------------------------


@shows("sigma-vae-optimal")
def test_the_fitted_variance_gives_what_its_row_says() -> None:
    arrays = batch("squared_error", "images")
    squares, b = Ours.of(arrays, "squared_error"), tensors(arrays)
    variance = squares.report.optimal_decoder_variance
    assert variance is not None
    fitted = Ours.of(arrays, "gaussian_nll", variance=variance)
    log_sigma = ((b.x - b.y) ** 2).mean().sqrt().log()
    nll = ((b.x - b.y) / log_sigma.exp()) ** 2 / 2 + log_sigma + 0.5 * math.log(math.tau)
    total = nll.sum() + textbook(b).sum()
    expected = fitted.report.variants["sum_sum+sum_sum"].total
    about = ("torch", "row sigma-vae-optimal")
    agree(total.detach(), expected, about=about, size=float(nll.detach().abs().sum()) + abs(expected), within=4)
    total.backward()
    scale = b.size / (2 * variance)
    agree(b.y.grad, scale * squares.slopes.y, about=about, column="gradients", within=16)
    for found, slope in ((b.mu.grad, squares.slopes.mu), (b.logvar.grad, squares.slopes.logvar)):
        assert slope is not None
        agree(found, scale * 2 * variance * slope, about=about, column="gradients", within=4)


def capacity_of_the_batch(b: Inputs, limit: float) -> Foreign:
    return F.mse_loss(b.y, b.x) + 10.0 * 0.00025 * (textbook(b).sum(1).mean(0) - limit).abs()


def capacity_of_each_sample(b: Inputs, limit: float) -> Foreign:
    reconstruction = 0.5 * per_sample(F.mse_loss(b.y, b.x, reduction="none"))
    return (reconstruction + 10.0 * torch.abs(textbook(b).sum(1) - limit)).mean(0)


def floor_of_each_sample(b: Inputs, limit: float) -> Foreign:
    squares = per_sample((b.x - b.y) ** 2).mean()
    return squares + torch.maximum(textbook(b).sum(1), torch.tensor(limit)).mean()


@pytest.mark.parametrize(
    ("row", "computes", "limit", "kl_weight"),
    [
        ("antixk-beta-b", capacity_of_the_batch, 0.0, 10.0 * 0.00025),
        ("antixk-beta-b", capacity_of_the_batch, 1e3, -10.0 * 0.00025),
        ("pythae-disentangled-beta", capacity_of_each_sample, 0.0, 10.0),
        ("pythae-disentangled-beta", capacity_of_each_sample, 1e3, -10.0),
        ("world-models-convvae", floor_of_each_sample, 0.0, 1.0),
        ("world-models-convvae", floor_of_each_sample, 1e3, 0.0),
    ],
    ids=str,
)
@shows("antixk-beta-b")
@shows("pythae-disentangled-beta")
@shows("world-models-convvae")
def test_on_one_side_of_its_limit_it_has_the_gradients_of_a_weighted_total(
    row: str, computes: Foreign, limit: float, kl_weight: float
) -> None:
    arrays, recipe = batch("squared_error", "images"), CONVENTIONS[row].recipes[0]
    ours, b = Ours.of(arrays, "squared_error"), tensors(arrays)
    assert recipe.scale is not None
    computes(b, limit).backward()
    about = ("torch", f"row {row}")
    scale = recipe.scale.value(ours.symbols(recipe))
    agree(b.y.grad, scale * ours.slopes.y, about=about, column="gradients", within=4)
    for found, slope in ((b.mu.grad, ours.slopes.mu), (b.logvar.grad, ours.slopes.logvar)):
        assert slope is not None
        agree(found, kl_weight * slope, about=about, column="gradients", within=4)


# --- where PyTorch is less exact ------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "at_least"), [("binary", 1000), ("soft", 50)])
def test_the_cross_entropy_of_logits_cancels_where_the_decoder_is_sure(kind: str, at_least: float) -> None:
    x, y = labels(soft=kind == "soft")
    theirs = F.binary_cross_entropy_with_logits(torch.from_numpy(y), torch.from_numpy(x), reduction="none")
    lost_digits(
        theirs,
        LOGITS.value(x, y),
        [exact.value(LOGITS.name, *pair) for pair in zip(x, y, strict=True)],
        framework="torch",
        what=f"F.binary_cross_entropy_with_logits, {kind} labels and logits of N(0, 3)",
        at_least=at_least,
    )


@pytest.mark.parametrize("distance", [1.0, 1e-1, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("way", ["KL, textbook formula", "KL, torch.distributions"])
def test_the_divergence_cancels_near_the_prior(way: str, distance: float) -> None:
    mu, logvar = near_the_prior(distance)
    nothing = torch.zeros(1)
    theirs = DIVERGENCES[way](Inputs(nothing, nothing, torch.from_numpy(mu), torch.from_numpy(logvar)))
    lost_digits(
        theirs,
        divergence(mu, logvar),
        [exact.kl(mpf(float(m)), mpf(float(v))) for m, v in zip(mu, logvar, strict=True)],
        framework="torch",
        what=f"{way}, mu and logvar of N(0, {distance:g})",
        at_least=0.1 / distance**2,
    )


# --- the proofs are put to the test ---------------------------------------------------------------


def differentiate(proof: Proof, arrays: Arrays, parameters: Mapping[str, float]) -> dict[str, Foreign]:
    """Ask autograd; what a loss does not depend on has a derivative of 0."""
    b = tensors(arrays)
    proof.computes(b, **parameters).backward()
    leaves = {"y": b.y, "mu": b.mu, "logvar": b.logvar}
    return {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}


@pytest.mark.parametrize("proof", proves.found, ids=str)
def test_a_convention_written_in_torch_is_our_number(proof: Proof) -> None:
    with torch.no_grad():
        hold_number(proof, "torch", tensors)


@pytest.mark.parametrize("proof", [each for each in proves.found if each.elements is None], ids=str)
def test_its_gradients_are_scale_times_ours(proof: Proof) -> None:
    hold_gradients(proof, "torch", differentiate)
