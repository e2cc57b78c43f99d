"""What real code bases do: a table of conventions, read from their sources, as data.

`CONVENTIONS` holds every row of ``table.toml`` by id; `used_by` names those that compute a variant of a loss;
`observe_all` says what each of them would report for a batch; `as_document` is a row as the catalogue shows it.
In the rooms: `expressions` the small formulas, `convention` what a row is, `table` how it is read and checked,
`usage`, `observation` and `document` the three questions.

To add a row, read the source and put one block into ``table.toml``; nothing else changes. A mistake in it stops the
service at its start, with a message that names the row.

    [[convention]]
    id = "somebody-vae"                 # for good: it stands in answers and addresses
    project = "Somebody's VAE"
    kind = "model"                      # or "api": a function of a framework
    class = "D"                         # a key of CLASSES: what it does to effective beta
    source = { repository = "owner/name", path = "vae.py", commit = "<40 hex digits>", lines = "10-20" }
    verified = true                     # false, and then no commit and no lines, if the source itself was not read
    parameters = { kl_weight = 0.1 }    # names in the formulas below, with the defaults of the code
    recipes = [{ loss = "squared_error", reconstruction = "mean_mean", kl = "sum_mean", weight = "kl_weight" }]
    examples = [{ D = 784, effective_beta = 78.4 }]
    note = "What else is worth knowing."

- A release read in place of a commit is ``version = "name 1.2.3"`` in the source.
- Each setting of the code is a recipe, the default first; several say ``when``. A recipe may have its own values of the
  row's parameters. ``loss`` is a name, a list of them, or ``"any"``; a loss that is none of ours is an ``other_loss``
  in words. A recipe without a reconstruction, or without a KL term, leaves the key out.
- ``reconstruction`` and ``kl`` are ids of reductions. Write what is computed and not how: D times a mean is a sum.
  What leaves the batch to its caller is ``"none"``, ``"sum"`` or ``"mean"`` (a value for each element or sample).
- ``factor`` and ``weight`` are formulas that multiply the two terms after their reductions, ``constant`` is added to
  each element before: numbers, parameters, ``+ - * / **`` and the names of `SYMBOLS`. A mean over the last axis only
  is a factor too, ``1 / channels`` on a sum or ``other_axes`` on a mean.
- ``divergence`` says in words which one it is, unless it is that of N(mu, exp(logvar)) from N(0, 1).
- A total that is no affine combination of the two terms says ``not_affine = "because ..."``; terms and clips that the
  batch does not tell are a ``caveat``; ``posterior = { output = "log sigma", guard = "none" }`` is what its encoder
  puts out; ``features`` says what D counts where that is not plain.
"""

from app.conventions.convention import CLASSES, Convention, Example, Posterior, Recipe, Source
from app.conventions.document import as_document
from app.conventions.expressions import SYMBOLS, Expression, ExpressionError
from app.conventions.observation import Extent, LeftOut, Observed, Reading, losses_needed, observe, observe_all
from app.conventions.table import CONVENTIONS, TableError, load
from app.conventions.usage import used_by

__all__ = [
    "CLASSES",
    "CONVENTIONS",
    "SYMBOLS",
    "Convention",
    "Example",
    "Expression",
    "ExpressionError",
    "Extent",
    "LeftOut",
    "Observed",
    "Posterior",
    "Reading",
    "Recipe",
    "Source",
    "TableError",
    "as_document",
    "load",
    "losses_needed",
    "observe",
    "observe_all",
    "used_by",
]
