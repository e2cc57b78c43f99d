"""Who and what may enter: plain ASGI classes, one worry each, configured by plain numbers."""

from app.gates.intake import BodyLimit, Inflation
from app.gates.journal import Journal
from app.gates.methods import HeadAsGet
from app.gates.prefix import Prefix

__all__ = ["BodyLimit", "HeadAsGet", "Inflation", "Journal", "Prefix"]
