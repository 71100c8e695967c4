"""The report as pages for people: made from its JSON and nothing else, so that no number can differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autonomy.safety.pages.html import html
from autonomy.safety.pages.markdown import markdown


def pages_of(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {"report.html": html(report), "report.md": markdown(report)}
