"""Whatever can be derived from the document is sent, good and bad, and every answer keeps the document's word."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from tests.inprocess import an_app

CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {"deterministic": True, "max-examples": 60, "database": "none"},
        # JSON Schema cannot say that x and y have the same shape, so what it allows may be refused.
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }
)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", an_app(), config=CONFIG)


@SCHEMA.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_an_answer_keeps_the_documents_word(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()
