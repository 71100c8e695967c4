"""The report's files, each written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from autonomy.evidence import RunEvidence
from autonomy.report.html import html
from autonomy.report.summary import summary_json

HTML_NAME = "report.html"
JSON_NAME = "summary.json"


def write_report(evidence: RunEvidence, folder: str | Path) -> Path:
    """Write `report.html` and `summary.json` into `folder` and return the path of the HTML file.

    Everything is rendered before anything is written, then written beside its target and moved there, so that an
    error or an interruption leaves the old files, never half of a new one.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    contents = {HTML_NAME: html(evidence).encode(), JSON_NAME: summary_json(evidence)}
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    waiting = {name: place / f".{name}.{secrets.token_hex(4)}.tmp" for name in contents}
    try:
        for name, temporary in waiting.items():
            with temporary.open("xb") as stream:
                stream.write(contents[name])
                stream.flush()
                os.fsync(stream.fileno())
        for name, temporary in waiting.items():
            temporary.replace(place / name)
    finally:
        for temporary in waiting.values():
            temporary.unlink(missing_ok=True)
    return place / HTML_NAME
