"""The numeric core: from arrays to every way in which their loss can be reduced. NumPy and nothing else.

    arrays --Batch.of--> Batch, and with an Objective: --chunks, tally--> Tally --report--> Report

What is in the rooms: `batch` the door; `domains`, `elementwise`, `sigmoid` and `divergence` the losses; `summation`,
`doubled` and `tripled` digits; `tally` the one pass over the arrays; `reduction`, `variants`, `cautions` and `report`
the arithmetic after it; `matrices`, `gradients` and `collapse` what is made where it is asked for; `checkpoint`
where all of that can be stopped; `errors` and `refusals` what can be wrong.
"""

from app.losses.arrays import EPS, Array
from app.losses.batch import Batch, Chunk
from app.losses.cautions import Caution
from app.losses.checkpoint import Checkpoint, go_on
from app.losses.collapse import Collapse, Forecast, collapse
from app.losses.elementwise import LOSSES, Loss, find
from app.losses.errors import (
    Fault,
    InvalidOption,
    LossInputError,
    MissingArray,
    NotFinite,
    OutOfDomain,
    Overflow,
    ShapeMismatch,
    UnknownLoss,
    WrongType,
)
from app.losses.gradients import Gradients, gradients
from app.losses.matrices import divergence_elementwise, elementwise
from app.losses.objective import Objective
from app.losses.reduction import TERM_REDUCTIONS, VARIANTS
from app.losses.report import Latent, PerSample, Report, Shape, Terms, report
from app.losses.tally import Tally, tally
from app.losses.variants import KlWeightFor, Variant

__all__ = [
    "EPS",
    "LOSSES",
    "TERM_REDUCTIONS",
    "VARIANTS",
    "Array",
    "Batch",
    "Caution",
    "Checkpoint",
    "Chunk",
    "Collapse",
    "Fault",
    "Forecast",
    "Gradients",
    "InvalidOption",
    "KlWeightFor",
    "Latent",
    "Loss",
    "LossInputError",
    "MissingArray",
    "NotFinite",
    "Objective",
    "OutOfDomain",
    "Overflow",
    "PerSample",
    "Report",
    "Shape",
    "ShapeMismatch",
    "Tally",
    "Terms",
    "UnknownLoss",
    "Variant",
    "WrongType",
    "collapse",
    "divergence_elementwise",
    "elementwise",
    "find",
    "go_on",
    "gradients",
    "report",
    "tally",
]
