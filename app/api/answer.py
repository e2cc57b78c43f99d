"""The shape of every answer, for OpenAPI: nothing has a default, every field says what it is and how long it is.

Answers are written by the formats and never pass through these types; tests hold real answers against their schema.
"""

from typing import Annotated, Final, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypeAliasType, TypedDict

__all__ = [
    "CollapseAnswer",
    "ConventionAnswer",
    "DomainAnswer",
    "ForecastAnswer",
    "FormulaAnswer",
    "GradientsAnswer",
    "HealthAnswer",
    "KlWeightForAnswer",
    "LatentAnswer",
    "LimitRow",
    "LossAnswer",
    "LossRow",
    "Numbers",
    "PerSampleAnswer",
    "PerSampleReductions",
    "PerSampleTotals",
    "ProblemAnswer",
    "ProblemPlace",
    "ReadinessAnswer",
    "ShapeAnswer",
    "TermReductions",
    "TermsAnswer",
    "VariantAnswer",
    "VariantId",
    "WarningAnswer",
]

_closed: Final = with_config(extra="forbid")

Numbers = TypeAliasType("Numbers", "Annotated[list[float | Numbers], Field(min_length=1)]")
"""An array of any rank: lists of numbers, or lists of such lists."""

Vector = Annotated[list[float], Field(min_length=1)]
Size = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]

VariantId = Literal[
    "sum_mean",
    "mean_mean",
    "sum_sum",
    "mean_sum",
    "sum_mean+sum_mean",
    "sum_mean+mean_mean",
    "sum_mean+sum_sum",
    "sum_mean+mean_sum",
    "mean_mean+sum_mean",
    "mean_mean+mean_mean",
    "mean_mean+sum_sum",
    "mean_mean+mean_sum",
    "sum_sum+sum_mean",
    "sum_sum+mean_mean",
    "sum_sum+sum_sum",
    "sum_sum+mean_sum",
    "mean_sum+sum_mean",
    "mean_sum+mean_mean",
    "mean_sum+sum_sum",
    "mean_sum+mean_sum",
]


@_closed
class ShapeAnswer(TypedDict):
    """Sizes of the batch."""

    batch: Annotated[Size, Field(description="N, the number of samples: the length of axis 0 of x.")]
    features: Annotated[
        list[Size], Field(description="Lengths of the axes of x after axis 0; empty where x has rank 1.")
    ]
    feature_count: Annotated[Size, Field(description="D, the number of features of a sample.")]
    latents: Annotated[
        list[Size] | None, Field(description="Lengths of the axes of mu after axis 0; null without mu and logvar.")
    ]
    latent_count: Annotated[
        Size | None, Field(description="L, the number of latent dimensions; null without mu and logvar.")
    ]


@_closed
class PerSampleReductions(TypedDict):
    """One term of each sample, reduced over its features (or latents) in both ways."""

    sum: Annotated[Vector, Field(description="Sum over the features (or latents); shape (N,).")]
    mean: Annotated[Vector, Field(description="Mean over the features (or latents); shape (N,).")]


PerSampleTotals = TypedDict(
    "PerSampleTotals",
    {
        "sum+sum": Annotated[Vector, Field(description="Sum over features + beta * sum over latents; (N,).")],
        "sum+mean": Annotated[Vector, Field(description="Sum over features + beta * mean over latents; (N,).")],
        "mean+sum": Annotated[Vector, Field(description="Mean over features + beta * sum over latents; (N,).")],
        "mean+mean": Annotated[Vector, Field(description="Mean over features + beta * mean over latents; (N,).")],
    },
)
PerSampleTotals.__doc__ = "The total of each sample, in the four ways to reduce its two terms."
_closed(PerSampleTotals)


@_closed
class PerSampleAnswer(TypedDict):
    """Vectors with one number for each sample: what is left before the reduction over the batch."""

    reconstruction: Annotated[PerSampleReductions, Field(description="The reconstruction term of each sample.")]
    kl: Annotated[
        PerSampleReductions | None,
        Field(description="The KL divergence of each sample in nats; null without mu and logvar."),
    ]
    total: Annotated[
        PerSampleTotals | None,
        Field(description="reconstruction + beta * kl of each sample; null without mu and logvar."),
    ]


@_closed
class TermReductions(TypedDict):
    """One term as a number, in its four reductions `<features>_<batch>`."""

    sum_mean: Annotated[float, Field(description="Sum over features, (weighted) mean over the batch: Version 1.")]
    mean_mean: Annotated[float, Field(description="Mean over features, (weighted) mean over the batch: Version 2.")]
    sum_sum: Annotated[float, Field(description="Sum over features, (weighted) sum over the batch.")]
    mean_sum: Annotated[float, Field(description="Mean over features, (weighted) sum over the batch.")]


@_closed
class TermsAnswer(TypedDict):
    """Each term by itself."""

    reconstruction: Annotated[TermReductions, Field(description="The reconstruction term.")]
    kl: Annotated[
        TermReductions | None,
        Field(description="The KL term in nats, its features being the latents; null without mu and logvar."),
    ]


@_closed
class KlWeightForAnswer(TypedDict):
    """The weight to put on the KL term of a variant, instead of beta, to reach something."""

    unit_beta: Annotated[float, Field(description="An effective beta of 1: the ELBO itself.", ge=0)]
    optimal_variance: Annotated[
        NonNegative | None,
        Field(
            description="An implied decoder variance that is the optimal one, the mean squared error;"
            " null for losses that are not Gaussian."
        ),
    ]


@_closed
class VariantAnswer(TypedDict):
    """One way to reduce both terms: total = scale * (R + effective_beta * K), R and K being the `sum_mean` terms."""

    title: Annotated[str, Field(description="The reductions in words, in the order in which they are applied.")]
    reconstruction: Annotated[float, Field(description="The reconstruction term in this reduction.")]
    kl: Annotated[
        float | None, Field(description="The KL term in this reduction, in nats; null without mu and logvar.")
    ]
    total: Annotated[float, Field(description="reconstruction + beta * kl; just reconstruction where kl is null.")]
    scale: Annotated[
        float,
        Field(description="What the reduction multiplies the objective with: it rescales the learning rate.", ge=0),
    ]
    effective_beta: Annotated[
        NonNegative | None,
        Field(
            description="How much K weighs against R: it changes the optimum. 1 is the ELBO. Null without a KL term."
        ),
    ]
    implied_decoder_variance: Annotated[
        NonNegative | None,
        Field(
            description="The fixed variance of the Gaussian decoder whose negative ELBO this total is, up to scale and"
            " constants; null for losses that are not Gaussian and without mu and logvar."
        ),
    ]
    batch_reductions_agree: Annotated[
        bool,
        Field(description="Whether both terms are reduced over the batch in the same way; if not, N is in the weight."),
    ]
    kl_weight_for: Annotated[
        KlWeightForAnswer | None,
        Field(description="Weights for the KL term of this variant, instead of beta; null without mu and logvar."),
    ]
    used_by: Annotated[
        list[str], Field(description="Ids of the known code bases and framework functions that reduce in this way.")
    ]


@_closed
class LatentAnswer(TypedDict):
    """What the latents do."""

    kl_per_dimension: Annotated[
        Vector, Field(description="KL divergence of each latent dimension in nats, weighted mean over the batch; (L,).")
    ]
    active_units: Annotated[int, Field(description="How many dimensions have more than 0.01 nats.", ge=0)]


@_closed
class WarningAnswer(TypedDict):
    """Something that the numbers alone do not show."""

    code: Annotated[
        Literal[
            "bce_targets_not_binary",
            "bce_log_clamped",
            "logvar_overflows_float16",
            "logvar_overflows_float32",
            "all_latents_inactive",
            "sum_overflows_float16",
            "kl_overweighted",
        ],
        Field(description="What kind of thing, stable."),
    ]
    detail: Annotated[str, Field(description="A sentence or two, with the numbers.")]


@_closed
class GradientsAnswer(TypedDict):
    """Derivatives of R + beta * K. Those of another variant are a times that for y, b times those for mu and logvar."""

    y: Annotated[Numbers, Field(description="With respect to y, in its shape.")]
    mu: Annotated[Numbers | None, Field(description="With respect to mu, in its shape; null without mu and logvar.")]
    logvar: Annotated[
        Numbers | None, Field(description="With respect to logvar, in its shape; null without mu and logvar.")
    ]


@_closed
class ForecastAnswer(TypedDict):
    """What one variant allows at its optimum."""

    kl_upper_bound: Annotated[
        NonNegative | None,
        Field(
            description="No optimum has a larger K than this, in nats: total_variance / effective_beta. Holds for every"
            " architecture that can ignore its latents. Null where effective_beta is 0."
        ),
    ]
    linear_directions: Annotated[
        int,
        Field(
            description="How many eigenvalues exceed implied_decoder_variance: the latent directions that a linear"
            " autoencoder keeps; the others collapse.",
            ge=0,
        ),
    ]


@_closed
class CollapseAnswer(TypedDict):
    """What the objective allows, known from x alone before anything is trained."""

    total_variance: Annotated[
        float,
        Field(
            description="Sum over features of the weighted variance over the batch (divided by the sum of weights).",
            ge=0,
        ),
    ]
    covariance_spectrum: Annotated[
        list[NonNegative],
        Field(
            description="Eigenvalues of the weighted covariance of x, largest first; at most min(N, D).", min_length=1
        ),
    ]
    variants: Annotated[dict[VariantId, ForecastAnswer], Field(description="The forecast for each variant, by its id.")]


@_closed
class ConventionAnswer(TypedDict):
    """What one known code base would report for this batch."""

    id: Annotated[str, Field(description="The convention.")]
    when: Annotated[
        str | None, Field(description="The setting of that code for which this holds; null if it has only one.")
    ]
    loss: Annotated[str, Field(description="The loss whose `sum_mean` is R in `scale` and `effective_beta`.")]
    reconstruction: Annotated[
        float | None, Field(description="Its reconstruction term; null where it has none, as a bare KL function.")
    ]
    kl: Annotated[float | None, Field(description="Its KL term before the weight; null where it has none.")]
    kl_weight: Annotated[float | None, Field(description="What it multiplies its KL term with; null without one.")]
    total: Annotated[float, Field(description="The number that it would report.")]
    scale: Annotated[float | None, Field(description="total = scale * (R + effective_beta * K) + constant; or null.")]
    effective_beta: Annotated[
        float | None, Field(description="How much K weighs against R in it; null where a term is missing.")
    ]
    constant: Annotated[float, Field(description="What its number has beside a multiple of the two terms; mostly 0.")]
    caveat: Annotated[
        str | None, Field(description="What its own number has besides, which the batch does not tell; or null.")
    ]


@_closed
class LossAnswer(TypedDict):
    """Every variant of the loss of a batch, and how they relate to each other."""

    loss: Annotated[str, Field(description="The name of the elementwise loss (never an alias).")]
    beta: Annotated[float, Field(description="The weight of the KL term.", ge=0)]
    shape: Annotated[ShapeAnswer, Field(description="How large the batch is.")]
    per_sample: Annotated[PerSampleAnswer, Field(description="Vectors with one number for each sample.")]
    terms: Annotated[TermsAnswer, Field(description="Each term by itself, in its four reductions.")]
    variants: Annotated[
        dict[VariantId, VariantAnswer],
        Field(
            description="Every variant by its id: 4 without mu and logvar (`<features>_<batch>`), 16 with them"
            " (`<reconstruction term>+<KL term>`).",
            min_length=4,
            max_length=16,
        ),
    ]
    latent: Annotated[LatentAnswer | None, Field(description="What the latents do; null without mu and logvar.")]
    optimal_decoder_variance: Annotated[
        NonNegative | None,
        Field(description="The mean squared error, weighted; null for losses that are not Gaussian."),
    ]
    warnings: Annotated[list[WarningAnswer], Field(description="Things that the numbers alone do not show.")]
    elementwise: NotRequired[
        Annotated[Numbers, Field(description="The loss of each element, in the shape of x, if asked for.")]
    ]
    kl_elementwise: NotRequired[
        Annotated[Numbers, Field(description="The KL divergence of each element of mu, in its shape, if asked for.")]
    ]
    gradients: NotRequired[
        Annotated[GradientsAnswer, Field(description="Derivatives of the variant sum_mean+sum_mean, if asked for.")]
    ]
    collapse: NotRequired[
        Annotated[CollapseAnswer, Field(description="What the objective allows at its optimum, if asked for.")]
    ]
    conventions: NotRequired[
        Annotated[
            list[ConventionAnswer],
            Field(description="What known code bases would report for this batch, if asked for."),
        ]
    ]


@_closed
class FormulaAnswer(TypedDict):
    """The elementwise loss of x (target) and y (prediction), e = x - y."""

    text: Annotated[str, Field(description="As plain text.")]
    latex: Annotated[str, Field(description="As LaTeX.")]


@_closed
class DomainAnswer(TypedDict):
    """Where the loss is defined."""

    x: Annotated[str, Field(description="Of the targets: `real`, `[0, 1]`, `> -1` and the like.")]
    y: Annotated[str, Field(description="Of the predictions.")]


@_closed
class LossRow(TypedDict):
    """One elementwise loss."""

    name: Annotated[str, Field(description="What `loss` of POST /loss takes, and what answers call it.")]
    title: Annotated[str, Field(description="What people call it.")]
    aliases: Annotated[list[str], Field(description="Other names that `loss` takes.")]
    formula: Annotated[FormulaAnswer, Field(description="What is computed for each element.")]
    domain: Annotated[DomainAnswer, Field(description="A value outside of it is refused with its index.")]
    parameters: Annotated[
        dict[str, float], Field(description="Its own parameters, each a number > 0, and their defaults.")
    ]
    gaussian: Annotated[
        bool, Field(description="Whether it is the negative log-likelihood of a Gaussian decoder of fixed variance.")
    ]
    note: Annotated[str, Field(description="Where its definition differs between frameworks.")]


@_closed
class LimitRow(TypedDict):
    """One limit in force."""

    name: Annotated[str, Field(description="A name for it, in lower case.")]
    value: Annotated[int | None, Field(description="The number; null while there is no such limit.")]
    unit: Annotated[str, Field(description="What is counted: bytes, seconds, requests, and so on.")]
    setting: Annotated[str | None, Field(description="The variable that changes it; null if none does.")]
    meaning: Annotated[str, Field(description="What is limited.")]
    beyond: Annotated[
        int | None,
        Field(
            description="The status with which a request beyond it is refused; null if it has to wait, if the"
            " connection is closed without a word, or if the limit is one of our own answers.",
        ),
    ]


@_closed
class HealthAnswer(TypedDict):
    """The process is alive."""

    status: Annotated[Literal["ok"], Field(description="Always `ok`.")]


@_closed
class ReadinessAnswer(TypedDict):
    """The service takes requests."""

    status: Annotated[Literal["ready"], Field(description="Always `ready`; otherwise the answer is a problem.")]


@_closed
class ProblemPlace(TypedDict):
    """One place in the body that is wrong."""

    pointer: Annotated[str, Field(description="Where: a JSON pointer (RFC 6901) into the body, such as `/x/3/1`.")]
    detail: Annotated[str, Field(description="What is wrong there. Never the value itself.")]


@_closed
class ProblemAnswer(TypedDict):
    """What went wrong (RFC 9457)."""

    type: Annotated[
        str,
        Field(description="The kind of problem, stable; the path of a page that explains it.", pattern="^/problems/"),
    ]
    title: Annotated[str, Field(description="The kind in a few words, always the same.")]
    status: Annotated[int, Field(description="The HTTP status, repeated.", ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong with this request, and how to mend it.")]
    instance: Annotated[
        str, Field(description="The id of the request, as in X-Request-Id and in the log.", pattern="^urn:uuid:")
    ]
    errors: NotRequired[
        Annotated[
            list[ProblemPlace],
            Field(description="The places in the body that are wrong, at most 20.", min_length=1, max_length=20),
        ]
    ]
