"""How OpenAPI is told of bodies: of every format of a request, of options in the query, and of answers as archives."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from app.api.options import Options
from app.formats import FORMATS
from app.formats.submission import ARRAYS
from app.losses import LOSSES

__all__ = ["ANSWER_CONTENT", "OPTION_SCHEMAS", "content_of", "form_of", "query_of"]

_REFERENCE: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_FORM: Final = "multipart/form-data"
_FILES: Final = {
    "application/x-npz": "An archive as `numpy.savez` or `numpy.savez_compressed` writes it, with a member for each"
    " array: `x.npy`, `y.npy`, perhaps `mu.npy`, `logvar.npy`, `sample_weight.npy`. Any real, integer or boolean type,"
    " either byte order, C or Fortran order.",
    "application/vnd.safetensors": "Tensors by name: `x`, `y`, perhaps `mu`, `logvar`, `sample_weight`. F16, BF16, F32,"
    " F64, integers and BOOL.",
}

OPTION_SCHEMAS: Final[Mapping[str, Any]] = MappingProxyType(
    Options.model_json_schema(ref_template=_REFERENCE)["properties"]
)
"""The schema of every option of POST /loss."""

ANSWER_CONTENT: Final[dict[str, Any]] = {
    form.media_type: {
        "schema": {
            "type": "string",
            "contentMediaType": form.media_type,
            "description": "An archive for `numpy.load`: the vectors and matrices as arrays by their dotted place, such"
            " as `per_sample.reconstruction.sum`, and the rest as JSON bytes in `summary.json`.",
        }
    }
    for form in FORMATS.values()
    if form.encode is not None and form.media_type != _JSON
}
"""What an answer is where it is not JSON."""


def content_of(request: str, form: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a request body in every format that is there.

    Parameters
    ----------
    request, form
        The schemas of its JSON and of its form, by their names.
    examples
        Examples of the JSON.
    """
    described: dict[str, Any] = {
        _JSON: {"schema": {"$ref": _REFERENCE.format(model=request)}, "examples": dict(examples)},
        # With an `encoding` Swagger UI would send fields that were not filled in as files named blob.
        _FORM: {"schema": {"$ref": _REFERENCE.format(model=form)}},
    }
    for media_type, description in _FILES.items():
        described[media_type] = {
            "schema": {"type": "string", "contentMediaType": media_type, "description": description}
        }
    unknown = {"schema": {"type": "string"}}
    return {media_type: described.get(media_type, unknown) for media_type in FORMATS}


def form_of(title: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make the schema of a form from that of the same request in JSON: each array is a file.

    Swagger UI fills a form with defaults or samples and sends them as if they had been typed. For a parameter that only
    some losses have, the sample is empty, and its default is told in words; so it is for a list that is absent or has
    items, which is a text with commas.
    """
    files = {
        name: {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": f"{request['properties'][name]['description'].partition(':')[0].rstrip('.')}."
            " A .npy or .csv file.",
        }
        for name in ARRAYS
    }
    options = {name: _input(name, schema) for name, schema in request["properties"].items() if name not in ARRAYS}
    return {
        "title": title,
        "description": "A batch as files, each a .npy file or a .csv file with a sample in every row, and what to"
        " compute of it.",
        "type": "object",
        "properties": files | options,
        "required": list(request["required"]),
        "dependentRequired": dict(request["dependentRequired"]),
        "additionalProperties": False,
    }


def _input(name: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Describe an option as a field of a form."""
    if any(name in loss.parameters for loss in LOSSES.values()):
        return {**_without_default(schema), "examples": [""]}
    if schema.get("type") == "array" and "minItems" in schema:
        return {"type": "string", "description": f"{schema['description']} With commas between.", "examples": [""]}
    return schema


def query_of(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describe options as parameters of the query, for bodies that hold nothing but arrays."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": _without_default(schema)["description"],
            "schema": {key: value for key, value in _without_default(schema).items() if key != "description"},
            **({"style": "form", "explode": False} if _may_be_list(schema) else {}),
        }
        for name, schema in options.items()
    ]


def _may_be_list(schema: Mapping[str, Any]) -> bool:
    """Tell whether an option is a list, or can be one."""
    return any(each.get("type") == "array" for each in (schema, *schema.get("anyOf", ())))


def _without_default(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Say the default of an option in words."""
    found = dict(schema)
    default = found.pop("default", None)
    if default not in (None, []):
        found["description"] = f"{found['description']} By default {default}."
    return found
