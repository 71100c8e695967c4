"""The style sheet of every page, and the templates: one look, light, dark and on paper."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from autonomy.report.palette import SHADES

SHEET = "report.css.j2"


def templates(package: str) -> Environment:
    """Return the templates beside a package's modules; what they are given is escaped, a name they lack is an error."""
    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=FunctionLoader(lambda name: _source(package, name)),
    )


def style() -> Markup:
    """Return the style sheet with the figures' colours filled in for light and dark."""
    light, dark = (
        "".join(f"--{name}:{shades[ground]};" for name, shades in SHADES.items() if name != "ink") for ground in (0, 1)
    )
    sheet = _source("autonomy.report", SHEET).replace("/*light*/", light).replace("/*dark*/", dark)
    return Markup(sheet)  # noqa: S704 - our own style sheet and palette, no data in it


def _source(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")
