"""``make openapi``: write the published contract, openapi/openapi.json, from the application."""

import json
from pathlib import Path

from app.main import create_app
from app.settings import Settings

__all__ = ["DOCUMENT", "main", "text"]

DOCUMENT = Path(__file__).parents[1] / "openapi" / "openapi.json"


def text() -> str:
    """Give the document as it is published: of an application with default settings, in a stable order."""
    defaults = Settings.model_construct()
    return json.dumps(create_app(defaults).openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
