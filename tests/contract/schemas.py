"""Answers held against the published document, strictly."""

from typing import Any

import jsonschema

from tests.inprocess import an_app

__all__ = ["assert_conforms"]

DOCUMENT = an_app().openapi()


def assert_conforms(found: object, schema: str) -> None:
    """Validate a document against a schema of the components, by its name."""
    whole: dict[str, Any] = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(found)
