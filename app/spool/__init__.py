"""Where bodies lie that are too large for memory: files without a name, mapped, and given back whatever happens."""

from app.spool.collect import Collector
from app.spool.files import SHARE_PERCENT, Spool, SpoolFile
from app.spool.tidy import keep_freed, share_arenas
from app.spool.workspace import Allowance, Workspace

__all__ = ["SHARE_PERCENT", "Allowance", "Collector", "Spool", "SpoolFile", "Workspace", "keep_freed", "share_arenas"]
