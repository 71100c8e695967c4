"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from autonomy.safety.contents import CHAPTER_OF
from autonomy.safety.pages.words import (
    Said,
    facts_of,
    figure,
    filled,
    groups_of,
    number,
    of_chapter,
    shown_by,
    status_of,
    witness_of,
)


def markdown(report: Said) -> str:
    """Return the page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Said) -> Iterator[str]:
    _, sentence = status_of(report)
    groups = groups_of(report)
    yield f"# Safety report: {report['title']}"
    yield ""
    yield f"{sentence} Policy: `{report['policy']}`. {report['created']}, autonomy-stack {report['version']}."
    for part in report["summary"]:
        yield from ("", f"**{part['title']}.** {part['text']}")
    for title, group in (
        ("Assumed, or not guaranteed", groups.limits),
        ("Guaranteed", groups.promises),
        ("Measured", groups.facts),
        ("Planted errors: red by design", groups.controls),
    ):
        yield from ("", f"## {title}", "")
        yield from _table(("verdict", "claim", "figure"), [_glance(claim) for claim in group])
    yield from ("", "## What is not claimed", "")
    yield from (f"- {text}" for text in report["non_claims"])
    for chapter in report["chapters"]:
        claims = of_chapter(report["claims"], chapter["letter"], CHAPTER_OF)
        extra = EXTRAS.get(chapter["letter"])
        if claims or extra:
            yield from ("", f"## {chapter['letter']}. {chapter['title']}")
        if extra is not None:
            yield ""
            yield from extra(report)
        for claim in claims:
            yield from _claim(claim, report)


def _glance(claim: Said) -> tuple[str, ...]:
    return claim["verdict"], f"**{claim['title']}.** {filled(claim, 'sentence')}", figure(claim["bound"])


def _claim(claim: Said, report: Said) -> Iterator[str]:
    yield from ("", f"### {claim['title']}", "", filled(claim, "statement"), "")
    yield from (f"- {name}: {value}" for name, value in facts_of(claim, report))
    if claim["witness"] is not None:
        yield from ("", "```json", witness_of(claim), "```")
    for exhibit in claim["exhibits"]:
        yield from ("", f"**{exhibit['title']}**", "")
        yield from _exhibit(exhibit)
        if exhibit["note"]:
            yield from ("", exhibit["note"])


def _exhibit(exhibit: Said) -> Iterator[str]:
    if exhibit["kind"] == "table":
        yield from _table(exhibit["head"], exhibit["rows"])
    elif exhibit["kind"] == "bars":
        yield from _table(("", exhibit["unit"]), exhibit["bars"])
    else:
        rows = [(name, x, y) for name, points in exhibit["curves"] for x, y in points]
        yield from _table(("curve", exhibit["across"], exhibit["up"]), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(str(number(cell)).replace('|', chr(92) + '|') for cell in row)} |"


def _identity(report: Said) -> Iterator[str]:
    identity = report["identity"]
    package = identity["package"]
    yield f"- package: {package['name']} {package['version']}, `{package['sha256']}`"
    yield f"- trusted core: `{identity['core']['sha256']}`"
    yield f"- community: `{identity['community_sha256']}`"
    yield f"- data: {identity['data']['source']}, `{identity['data']['sha256']}`"
    for policy, files in identity["policies"].items():
        named = ", ".join(f"{name} `{sha}`" for name, sha in files.items())
        yield f"- policy {policy}: {named or 'a rule of the package'}"
    yield f"- Python {identity['python']}, {identity['machine']}"
    yield f"- {', '.join(f'{name} {version}' for name, version in identity['libraries'].items())}"


def _domains(report: Said) -> Iterator[str]:
    yield from (f"- **{domain['title']}.** {domain['sentence']}" for domain in report["domains"].values())


def _hazards(report: Said) -> Iterator[str]:
    rows = [
        (
            *(row[name] for name in ("id", "title", "constraint", "guarantee")),
            ", ".join(row["claims"]),
            "; ".join(f"{method}: {verdict}" for method, verdict in shown_by(report, row["claims"])),
            row["residual"],
        )
        for row in report["hazards"]
    ]
    yield from _table(
        ("", "hazard", "constraint", "guarantee", "claims", "method: worst verdict", "residual risk"), rows
    )


def _mapping(report: Said) -> Iterator[str]:
    names = "source", "item", "here"
    rows = [(*(row[name] for name in names), ", ".join(row["claims"]), row["missing"]) for row in report["mapping"]]
    yield from _table(("source", "item", "maps to", "claims", "missing"), rows)


def _reproduce(report: Said) -> Iterator[str]:
    yield from ("```sh", report["command"], "autonomy verify FOLDER", "python -I -S FOLDER/verify.py FOLDER", "```")


EXTRAS = {"A": _identity, "B": _domains, "C": _hazards, "K": _mapping, "L": _reproduce}
"""What a chapter has beside claims."""
