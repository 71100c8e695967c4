"""The report as one HTML file that needs neither network nor scripts: view data here, markup in `report.html.j2`."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from autonomy.report.palette import SHADES
from autonomy.safety.contents import CHAPTER_OF
from autonomy.safety.pages import drawing, words
from autonomy.safety.pages.words import Said

MOST_LINKS = 3
"""Claims of one family that a hazard names one by one."""
MOST_ROWS = 60
"""Rows of a table that are shown; report.json has all."""


def html(report: Said) -> str:
    """Return the page; the same report always gives the same text."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=FunctionLoader(_source),
    )
    groups, (is_fine, sentence) = words.groups_of(report), words.status_of(report)
    return environment.get_template("report.html.j2").render(
        report=report,
        style=Markup(_style()),  # noqa: S704 - our own style sheet and palette, no data in it
        is_fine=is_fine,
        sentence=sentence,
        shares=_svg(drawing.shares(words.tally(report))),
        key=words.key(report),
        columns=[
            [
                ("not-guaranteed", "Assumed, or not guaranteed", [_view(claim, report) for claim in groups.limits]),
                ("measured", "Measured", [_view(claim, report) for claim in groups.facts]),
                ("planted", "Planted errors: red by design", [_view(claim, report) for claim in groups.controls]),
            ],
            [("guaranteed", "Guaranteed", [_view(claim, report) for claim in groups.promises])],
        ],
        hazards=[
            {**row, "links": _links(row["claims"]), "shown": words.shown_by(report, row["claims"])}
            for row in report["hazards"]
        ],
        chapters=[
            (
                chapter["letter"],
                chapter["title"],
                [_view(x, report) for x in words.of_chapter(report["claims"], chapter["letter"], CHAPTER_OF)],
            )
            for chapter in report["chapters"]
        ],
    )


def _links(ids: list[str]) -> list[tuple[str, str]]:
    """Return anchor and text of each claim; many of one family are one link to their chapter."""
    families = Counter(id_.partition(".")[0] for id_ in ids)
    found = []
    for id_ in ids:
        family = id_.partition(".")[0]
        many = families[family] > MOST_LINKS
        link = (f"chapter-{CHAPTER_OF[family]}", f"{family}.* ({families[family]})") if many else (_anchor(id_), id_)
        found += [] if link in found else [link]
    return found


def _anchor(id_: str) -> str:
    return id_.replace(".", "-")


def _view(claim: Said, report: Said) -> dict[str, Any]:
    """Return what the template shows of a claim."""
    return {
        "id": claim["id"],
        "anchor": _anchor(claim["id"]),
        "verdict": claim["verdict"],
        "kind": "planted" if claim["role"] == "control" else claim["verdict"].lower(),
        "title": claim["title"],
        "sentence": words.filled(claim, "sentence"),
        "statement": words.filled(claim, "statement"),
        "domain": claim["domain"],
        "figure": words.figure(claim["bound"]),
        "facts": words.facts_of(claim, report),
        "certificate": claim["certificate"],
        "witness": None if claim["witness"] is None else words.witness_of(claim),
        "is_broken": words.is_broken(claim),
        "exhibits": [_exhibit(exhibit) for exhibit in claim["exhibits"]],
    }


def _exhibit(exhibit: Said) -> dict[str, Any]:
    if exhibit["kind"] == "table":
        rows = [[words.number(cell) for cell in row] for row in exhibit["rows"][:MOST_ROWS]]
        return {**exhibit, "rows": rows, "left": len(exhibit["rows"]) - len(rows)}
    if exhibit["kind"] == "bars":
        drawn = drawing.bars(exhibit["title"], exhibit["unit"], exhibit["bars"])
    else:
        drawn = drawing.curves(dict(exhibit))
    return {**exhibit, "svg": _svg(drawn)}


def _svg(drawn: str) -> Markup:
    return Markup(drawn)  # noqa: S704 - our own drawing, in which every text is escaped


def _style() -> str:
    """Return the style of all reports with the figures' colours filled in for light and dark, and this one's own."""
    light, dark = (
        "".join(f"--{name}:{shades[ground]};" for name, shades in SHADES.items() if name != "ink") for ground in (0, 1)
    )
    common = files("autonomy.report").joinpath("report.css.j2").read_text(encoding="utf-8")
    return common.replace("/*light*/", light).replace("/*dark*/", dark) + _source("report.css")


def _source(name: str) -> str:
    return files("autonomy.safety.pages").joinpath(name).read_text(encoding="utf-8")
