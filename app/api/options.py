"""What a request asks for beside its arrays: the one definition for every format of the body."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.formats.submission import ARRAYS
from app.losses import LOSSES, Fault, InvalidOption, Objective
from app.losses.refusals import refusal

__all__ = ["FIELDS", "Include", "Options"]

Include = Literal["elementwise", "kl_elementwise", "gradients", "collapse", "conventions"]

_NAMES: Final = [name for loss in LOSSES.values() for name in (loss.name, *loss.aliases)]
_OWNERS: Final = {
    parameter: " and ".join(loss.name for loss in LOSSES.values() if parameter in loss.parameters)
    for loss in LOSSES.values()
    for parameter in loss.parameters
}
_LONGEST_NAME: Final = 64
_LONGEST_LIST: Final = 64


def _not_too_long(given: object) -> object:
    """Refuse a list before each of its items is looked at, and an error made for each."""
    if isinstance(given, list) and len(given) > _LONGEST_LIST:
        raise ValueError("too long")
    return given


class Options(BaseModel):
    """Loss, its parameters, beta, and what to include in the answer."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    loss: Annotated[
        str,
        Field(
            description="Elementwise loss: a name or an alias from GET /losses.",
            json_schema_extra={"enum": list(_NAMES)},
        ),
    ] = "squared_error"
    delta: Annotated[
        float,
        Field(gt=0, description=f"Where the loss turns from quadratic to linear; only for {_OWNERS['delta']}."),
    ] = 1.0
    variance: Annotated[
        float,
        Field(gt=0, description=f"Fixed variance of the Gaussian decoder; only for {_OWNERS['variance']}."),
    ] = 1.0
    beta: Annotated[float, Field(ge=0, description="Weight of the KL term.")] = 1.0
    include: Annotated[
        list[Include],
        BeforeValidator(_not_too_long),
        Field(
            max_length=_LONGEST_LIST,
            description="What else to answer with. `elementwise` and `kl_elementwise`: the matrices in the shapes of x"
            " and mu. `gradients`: of the variant sum_mean+sum_mean. `collapse`: what the objective allows at its"
            " optimum (squared errors with mu and logvar only). `conventions`: what known code bases would report.",
        ),
    ] = []

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Options":
        """Take options as a format found them.

        Raises
        ------
        InvalidOption
            Each option that has the wrong type or is out of range.
        """
        if not given:
            return _UNSAID
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            found = [_fault(fault["loc"]) for fault in error.errors(include_url=False, include_input=False)]
            raise refusal(InvalidOption, *dict.fromkeys(found)) from None

    def objective(self) -> Objective:
        """Give the loss, with the parameters that were named, and beta.

        Raises
        ------
        UnknownLoss, InvalidOption
            As `Objective.of` does; a parameter is refused by a loss that does not have it.
        """
        # A name may be as long as the body; the search for its nearest neighbour takes time with its square.
        loss = self.loss[:_LONGEST_NAME]
        parameters = {name: getattr(self, name) for name in _OWNERS if name in self.model_fields_set}
        return Objective.of(loss, beta=self.beta, **parameters)


_UNSAID: Final = Options()
"""What is computed where nothing was said; it is frozen, and does for all."""


def _fault(place: tuple[int | str, ...]) -> Fault:
    """Say what belongs at a place, without saying what is there."""
    rows = Options.model_json_schema()["properties"]
    if place[0] not in rows:
        return Fault(place, f"is not a known option; there are {', '.join(rows)}")
    if len(place) > 1:
        return Fault(place, f"is none of {', '.join(get_args(Include))}")
    return Fault(place, f"is not valid; {_wanted(rows[place[0]])} is wanted")


def _wanted(row: Mapping[str, Any]) -> str:
    """Say what an option may be, from its row of the JSON schema."""
    if row["type"] == "number":
        return (
            f"a finite number > {row['exclusiveMinimum']:g}"
            if "exclusiveMinimum" in row
            else (f"a finite number >= {row['minimum']:g}")
        )
    if row["type"] == "array":
        return f"a list of at most {row['maxItems']} strings"
    return "the name or alias of a loss, a string,"


FIELDS: Final = frozenset({*ARRAYS, *Options.model_fields})
"""The name of every field of POST /loss."""
