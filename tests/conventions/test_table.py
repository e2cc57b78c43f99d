"""The table of conventions: complete, as it was checked by hand, and refused whole if one row has a fault."""

import re
from collections import Counter

import pytest

import app.conventions
from app.conventions import CLASSES, CONVENTIONS, SYMBOLS, Convention, Expression, TableError, load
from app.losses.elementwise import LOSSES
from tests.conventions.checked import CHECKED, PARAMETERS, Row

every_row = pytest.mark.parametrize("row", CONVENTIONS.values(), ids=CONVENTIONS)

GOOD: dict[str, str] = {
    "id": '"some-vae"',
    "project": '"Some VAE"',
    "kind": '"model"',
    "class": '"D"',
    "source": f'{{ repository = "a/b", path = "c.py", commit = "{"0a" * 20}", lines = "1-2" }}',
    "verified": "true",
    "parameters": "{ w = 0.5 }",
    "recipes": '[{ loss = "squared_error", reconstruction = "mean_mean", kl = "sum_mean", weight = "w" }]',
    "examples": "[{ D = 10, effective_beta = 5.0 }]",
    "note": '"A note."',
}


def block(**changes: str | None) -> str:
    """Return the good row with some of its values changed; None leaves one out."""
    keys = {**GOOD, **{name.rstrip("_"): value for name, value in changes.items()}}
    return "\n".join(["[[convention]]", *(f"{key} = {value}" for key, value in keys.items() if value is not None)])


def recipe(text: str, **changes: str | None) -> str:
    """Return the good row with another recipe, and no example."""
    return block(recipes=f"[{{ {text} }}]", examples=None, **changes)


def test_all_rows_are_there_in_order_and_of_the_checked_kind() -> None:
    assert [(row.id, row.kind, row.class_) for row in CONVENTIONS.values()] == [row[:3] for row in CHECKED]


def test_the_counts_are_those_of_the_research() -> None:
    rows = CONVENTIONS.values()
    assert Counter(row.kind for row in rows) == {"model": 57, "api": 19}
    models = Counter(row.class_ for row in rows if row.kind == "model")
    assert models == {"A": 7, "B": 22, "C": 3, "D": 5, "E": 5, "F": 3, "G": 7, "H": 5}
    assert set(CLASSES) == set(models) | {"api"}


def test_one_row_is_not_verified() -> None:
    assert [row.id for row in CONVENTIONS.values() if not row.verified] == ["keras-io-vae-2020"]


def test_two_rows_were_read_in_a_release_and_the_verified_others_at_a_commit() -> None:
    released = {row.id: row.source.version for row in CONVENTIONS.values() if row.source.version is not None}
    assert released == {"sklearn-mse": "scikit-learn 1.9.1", "tfp-kl-layers": "tensorflow-probability 0.25.0"}
    unread = [row.id for row in CONVENTIONS.values() if row.source.commit is None]
    assert sorted(unread) == sorted([*released, "keras-io-vae-2020"])


def test_the_encoders_are_those_that_were_looked_up() -> None:
    outputs = Counter(row.posterior.output for row in CONVENTIONS.values() if row.posterior is not None)
    assert outputs == {
        "log variance": 15,
        "log sigma": 5,
        "softplus sigma": 3,
        "exp for sigma": 1,
        "log variance behind a softplus": 1,
    }


@pytest.mark.parametrize("checked", CHECKED, ids=lambda checked: checked.id)
def test_scale_and_effective_beta_of_every_recipe_are_those_that_were_checked(checked: Row) -> None:
    row = CONVENTIONS[checked.id]
    expected = [
        tuple(None if text is None else Expression.of(text) for text in formulas) for formulas in checked.formulas
    ]
    recipes = row.recipes if row.not_affine is None else ()
    assert [(one.scale, one.effective_beta) for one in recipes] == expected


@every_row
def test_the_parameters_have_the_defaults_that_were_read(row: Convention) -> None:
    assert row.parameters == PARAMETERS.get(row.id, {})


@every_row
def test_a_row_that_is_not_affine_says_why_and_has_no_variant(row: Convention) -> None:
    reasoned = row.not_affine is not None and row.not_affine.startswith("because ")
    assert reasoned == (row.class_ == "G" or row.id in {"rave-v1", "pyg-vgae-example"})
    assert not (reasoned and row.variants)


@every_row
def test_every_example_of_the_research_stands_in_its_row(row: Convention) -> None:
    found = [example.effective_beta for example in row.examples]
    expected = {
        "pytorch-examples-vae-2017-10": [1.0, 0.75],
        "keras-2016-05-first": [392.0],
        "keras-2016-07-stylefix": [784.0],
        "keras-io-vae": [1.0, 3.0],
        "keras-io-vae-2020": [0.5],
        "flax-nnx-05-vae": [2.45],
        "antixk-vanilla": [3.072],
        "antixk-beta-h": [30.72],
        "bolts-vae": [1.2],
        "ethanluoyc-vae": [98.0],
        "flux-model-zoo-vae-2021-01": [100352.0],
        "sigma-vae-mse-baseline": [2352.0, 235200.0],
        "gdl-book-vae": [0.784, 4.9152],
        "keras-molecules": [35 / 292],
    }
    assert found == expected.get(row.id, [])


def test_a_source_has_an_address_where_a_commit_is_known() -> None:
    url = CONVENTIONS["mlx-examples-cvae"].source.url
    assert url == (
        "https://github.com/ml-explore/mlx-examples/blob/4b3ad1c9beb11ce0d689cae6039560cf7d52f3aa/cvae/main.py"
    )
    assert CONVENTIONS["sklearn-mse"].source.url is None


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        CONVENTIONS["mine"] = CONVENTIONS["pyro-vae"]  # type: ignore[index]  # that is what is tried
    with pytest.raises(TypeError, match="does not support item assignment"):
        CONVENTIONS["bolts-vae"].parameters["kl_coeff"] = 1.0  # type: ignore[index]  # that is what is tried


def test_a_good_row_is_taken() -> None:
    (row,) = load(block()).values()
    assert (row.id, row.losses, row.variants) == ("some-vae", ("squared_error",), ("mean_mean+sum_mean",))
    assert row.recipes[0].parameters == {"w": 0.5}


def test_the_row_of_the_docstring_is_taken() -> None:
    (text,) = re.findall(r"(?ms)^    \[\[convention\]\]$.*?^$", app.conventions.__doc__ or "")
    (row,) = load(text.replace("<40 hex digits>", "0a" * 20)).values()
    assert row.recipes[0].total == "mean_mean(squared_error) + kl_weight * sum_mean(kl)"


def test_any_stands_for_all_losses() -> None:
    (row,) = load(recipe('loss = "any", reconstruction = "sum_sum"', parameters=None)).values()
    assert row.losses == tuple(LOSSES)


def test_a_recipe_may_have_its_own_values() -> None:
    text = 'loss = "squared_error", reconstruction = "sum_sum", factor = "w"'
    (row,) = load(recipe(f'when = "a", {text} }}, {{ when = "b", {text}, parameters = {{ w = 3 }}')).values()
    assert [one.parameters["w"] for one in row.recipes] == [0.5, 3.0]


def test_an_empty_table_is_a_table() -> None:
    assert load("") == {}


PLAIN = 'loss = "squared_error", reconstruction = "sum_mean"'

FAULTS = {
    "no toml": ("[[convention", "is not TOML"),
    "another table": (block() + "\n[other]\n", "nothing else"),
    "no blocks": ("convention = 1", "nothing else"),
    "no tables": ("convention = [1]", "nothing else"),
    "twice": (block() + "\n" + block(), "the id is taken"),
    "no id": (block(id=None), "missing required field `id`"),
    "ugly id": (block(id='"Some VAE"'), "id is not-in-this-form"),
    "unknown key": (block(colour='"red"'), "unknown field `colour`"),
    "wrong type": (block(verified="1"), "Expected `bool`"),
    "unknown kind": (block(kind='"toy"'), "Invalid enum value 'toy'"),
    "unknown class": (block(class_='"Z"'), "unknown class 'Z'"),
    "no reason": (block(not_affine='"it is odd"'), "begins with 'because '"),
    "empty note": (block(note='""'), "note are not empty"),
    "no recipe": (block(recipes="[]"), "no recipe"),
    "no setting": (recipe(f"{PLAIN} }}, {{ {PLAIN}", parameters=None), "says when it holds"),
    "same setting": (recipe(f'when = "a", {PLAIN} }}, {{ when = "a", {PLAIN}', parameters=None), "each differently"),
    "idle parameter": (block(parameters="{ w = 1, v = 2 }"), r"parameters \['v'\]"),
    "parameter with a symbol's name": (block(parameters="{ w = 1, D = 2 }"), "'D' cannot be the name"),
    "parameter with a keyword's name": (block(parameters="{ w = 1, lambda = 2 }"), "'lambda' cannot be the name"),
    "parameter that is no name": (block(parameters='{ w = 1, "a b" = 2 }'), "'a b' cannot be the name"),
    "infinite parameter": (block(parameters="{ w = inf }"), "w is not finite"),
    "foreign parameter": (recipe(f"{PLAIN}, parameters = {{ v = 1 }}"), "only for parameters of its row"),
    "missing commit": (block(source='{ repository = "a/b", path = "c", lines = "1" }'), "has a commit or a version"),
    "commit and version": (
        block(source=GOOD["source"].replace("lines", 'version = "1", lines')),
        "commit or a version",
    ),
    "missing lines": (block(source=GOOD["source"].replace(', lines = "1-2"', "")), "commit or a version"),
    "short commit": (block(source=GOOD["source"].replace("0a" * 20, "0a" * 10)), "40 hexadecimal digits"),
    "odd repository": (block(source=GOOD["source"].replace("a/b", "b")), "not owner/name"),
    "unverified with a commit": (block(verified="false"), "neither commit nor version nor lines"),
    "unknown loss": (
        recipe('loss = "sqared_error", reconstruction = "sum_mean"'),
        r"losses \['sqared_error'\]",
    ),
    "alias": (recipe('loss = "mse", reconstruction = "sum_mean"'), r"unknown losses \['mse'\]"),
    "two losses": (recipe(f'{PLAIN}, other_loss = "odd"'), "either a loss or an other_loss"),
    "no loss": (recipe('reconstruction = "sum_mean"'), "either a loss or an other_loss"),
    "loss without a term": (recipe('loss = "huber", kl = "sum_mean", weight = "w"'), "nothing else has one"),
    "no term": (recipe('when = "never"'), "at least one term"),
    "unknown reduction": (recipe('loss = "huber", reconstruction = "sum_max"'), "unknown reduction 'sum_max'"),
    "unknown KL reduction": (recipe('kl = "sum_max"'), "unknown reduction 'sum_max'"),
    "unknown name": (recipe(f'{PLAIN}, factor = "w * v"'), r"unknown names \['v'\]"),
    "latents in the factor": (recipe(f'{PLAIN}, factor = "w / L"'), "depends on the latents"),
    "weight without a term": (recipe(f'{PLAIN}, weight = "w"'), "belongs to a term that is missing"),
    "factor without a term": (recipe('kl = "sum_sum", factor = "w"'), "belongs to a term that is missing"),
    "no formula": (recipe(f'{PLAIN}, factor = "w w"'), "not a formula"),
    "infinite weight": (recipe(f'{PLAIN}, factor = "1 / w"', parameters="{ w = 0 }"), "has no value at the defaults"),
    "wrong example": (block(examples="[{ D = 10, effective_beta = 6 }]"), "is 6.0, but it is 5.0"),
    "example without a number": (block(examples="[{ D = 10 }]"), "is nan, but it is 5.0"),
    "example without D": (block(examples="[{ L = 1, effective_beta = 5 }]"), r"does not say \['D'\]"),
    "example without a KL term": (
        block(recipes=f"[{{ {PLAIN} }}]", parameters=None),
        "a row that has no effective beta",
    ),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_the_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [case for name, case in FAULTS.items() if name not in {"no toml", "another table", "no blocks", "no tables"}],
)
def test_a_refusal_names_the_row(text: str, message: str) -> None:
    with pytest.raises(TableError, match=rf"^convention (some-vae|Some VAE|number 1): .*({message})"):
        load(text)


def test_a_row_that_is_not_verified_needs_no_commit() -> None:
    (row,) = load(block(verified="false", source='{ repository = "a/b", path = "c.py" }')).values()
    assert (row.verified, row.source.commit) == (False, None)


def test_every_symbol_is_used_and_explained() -> None:
    used = {
        name
        for row in CONVENTIONS.values()
        for one in row.recipes
        for formula in (one.factor, one.constant, one.weight, one.scale, one.effective_beta)
        if formula is not None
        for name in formula.names
    }
    assert set(SYMBOLS) - used == set()
    assert all(re.fullmatch(r"[^.]+", meaning) for meaning in SYMBOLS.values())
