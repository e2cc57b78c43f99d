"""Who and what may enter: plain ASGI classes, one worry each, configured by plain numbers."""

from app.gates.host import OneHost
from app.gates.intake import BodyLimit, Inflation
from app.gates.journal import Journal
from app.gates.methods import HeadAsGet
from app.gates.prefix import Prefix
from app.gates.silence import Silence

__all__ = ["BodyLimit", "HeadAsGet", "Inflation", "Journal", "OneHost", "Prefix", "Silence"]
