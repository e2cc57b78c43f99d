"""Who and what may enter: plain ASGI classes, one worry each, configured by plain numbers."""

from app.gates.access import Access
from app.gates.forwarded import Forwarded
from app.gates.headers import Headers
from app.gates.host import OneHost
from app.gates.intake import BodyLimit, Inflation
from app.gates.journal import Journal
from app.gates.methods import HeadAsGet
from app.gates.origins import Origins
from app.gates.prefix import Prefix
from app.gates.silence import Silence
from app.gates.traced import Traced

__all__ = [
    "Access",
    "BodyLimit",
    "Forwarded",
    "HeadAsGet",
    "Headers",
    "Inflation",
    "Journal",
    "OneHost",
    "Origins",
    "Prefix",
    "Silence",
    "Traced",
]
