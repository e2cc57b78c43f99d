"""Whatever can be derived from the document is sent, good and bad, and every answer keeps the document's word."""

from typing import Any

import numpy as np
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig

from tests.formats.files import npz, safetensors
from tests.inprocess import an_app

CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {"deterministic": True, "max-examples": 60, "database": "none"},
        # JSON Schema cannot say that x and y have the same shape, so what it allows may be refused.
        "checks": {
            "positive_data_acceptance": {"enabled": False},
            # A form with too many files is too large before it is looked at.
            "negative_data_rejection": {"expected-statuses": [400, 404, 405, 406, 413, 415, 422]},
        },
    }
)
schemathesis.openapi.media_type(
    "application/x-npz", st.one_of(st.binary(max_size=99), st.just(npz(x=[[0.5, 1]], y=[[1, 0]])), st.just(npz(x=[1])))
)
schemathesis.openapi.media_type(
    "application/vnd.safetensors",
    st.one_of(st.binary(max_size=99), st.just(safetensors(x=np.ones((2, 2)), y=np.zeros((2, 2))))),
)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", an_app(allowed_hosts="*"), config=CONFIG)


@SCHEMA.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_an_answer_keeps_the_documents_word(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()
