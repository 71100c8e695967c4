"""From the report's JSON to what both pages say: texts with their numbers, groups of claims, the verdict on it all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autonomy.report.quantity import count, quantity
from autonomy.safety.contents import METHOD_OF
from autonomy.safety.verdict import Verdict

Said: TypeAlias = Mapping[str, Any]
"""A part of the report's JSON."""
PROVED = (Verdict.PROVED_EXACT, Verdict.PROVED_SMT, Verdict.PROVED_FLOAT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """The claims by what it means that they are refuted, the worst first.

    Attributes:
        promises: What the stack is to be relied on for.
        facts: What was counted or measured.
        limits: What is not promised.
        controls: What was planted.
    """

    promises: tuple[Said, ...]
    facts: tuple[Said, ...]
    limits: tuple[Said, ...]
    controls: tuple[Said, ...]


def filled(claim: Said, name: str) -> str:
    """Return a text of a claim with its numbers in it."""
    return str(claim[name].format_map(claim["values"]))


def groups_of(report: Said) -> Groups:
    """Return the claims in their groups."""
    ordered = sorted(report["claims"], key=lambda claim: -Verdict(claim["verdict"]).rank)
    roles = ("promise", "fact", "limit", "control")
    promises, facts, limits, controls = (tuple(claim for claim in ordered if claim["role"] == role) for role in roles)
    return Groups(promises=promises, facts=facts, limits=limits, controls=controls)


def is_broken(claim: Said) -> bool:
    """Whether a promise is refuted, or a control is not."""
    is_refuted = claim["verdict"] == Verdict.REFUTED
    return is_refuted if claim["role"] == "promise" else claim["role"] == "control" and not is_refuted


def status_of(report: Said) -> tuple[bool, str]:
    """Return whether all is as expected, and one sentence on it all."""
    groups = groups_of(report)
    broken = [claim for claim in report["claims"] if is_broken(claim)]
    proved = sum(claim["verdict"] in PROVED for claim in groups.promises)
    caught = sum(claim["verdict"] == Verdict.REFUTED for claim in groups.controls)
    if broken:
        return (
            False,
            f"{count(len(broken), 'claim')} did not come out as promised: {', '.join(x['id'] for x in broken)}.",
        )
    found = f"{caught} of {count(len(groups.controls), 'planted error')} found."
    return True, (
        f"{count(len(groups.promises), 'guarantee')}, {proved} of them proved and none refuted; "
        f"{count(len(groups.limits), 'thing')} assumed or not guaranteed; {found}"
    )


def key(report: Said) -> list[tuple[str, int, str]]:
    """Return each verdict of the tally with what it means."""
    meanings = {row["verdict"]: row["meaning"] for row in report["verdicts"]}
    planted = "an error that was put in on purpose, and has to be found"
    return [(word, n, meanings.get(word, planted)) for word, n in tally(report)]


def tally(report: Said) -> list[tuple[str, int]]:
    """Return how many claims have each verdict, the worst verdict first; planted ones count apart, as "planted"."""
    plain = Counter(claim["verdict"] for claim in report["claims"] if claim["role"] != "control")
    planted = sum(claim["role"] == "control" for claim in report["claims"])
    found = [(str(verdict), plain[verdict]) for verdict in reversed(Verdict) if plain[verdict]]
    return [*found, ("planted", planted)] if planted else found


def figure(shown: Said | None) -> str:
    """Return a bound or a margin with its label and unit."""
    if shown is None:
        return ""
    return f"{shown['label']}: {number(shown['value'])}{' ' + shown['unit'] if shown['unit'] else ''}"


def number(value: Any) -> str:
    """Return a value as people read it; a very small or very large one keeps its exponent."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3e}"
    return quantity(value, 6 if abs(value) < 1 else 4).rstrip("0").rstrip(".")


def witness_of(claim: Said) -> str:
    """Return a witness as text."""
    return json.dumps(claim["witness"], ensure_ascii=False, indent=1)


def facts_of(claim: Said, report: Said) -> list[tuple[str, str]]:
    """Return everything about a claim but its texts and its exhibits: name and value."""
    rows = [
        ("Verdict", f"{claim['verdict']}: {Verdict(claim['verdict']).meaning}"),
        ("Domain", report["domains"][claim["domain"]]["title"]),
        ("Bound", figure(claim["bound"])),
        ("Margin", figure(claim["margin"])),
        ("Method", claim["method"]),
        ("Tool", claim["tool"]),
        ("Certificate", claim["certificate"]),
        ("Check it again", claim["checker"]),
        ("Rests on", ", ".join(claim["assumptions"])),
        ("Hazards", ", ".join(row["id"] for row in report["hazards"] if claim["id"] in row["claims"])),
        ("Time", f"{claim['seconds']:.2f} s"),
        ("Code", claim["code_sha256"][:16]),
        ("Domain's hash", claim["domain_sha256"][:16]),
    ]
    return [(name, value) for name, value in rows if value]


def of_chapter(claims: Sequence[Said], letter: str, chapter_of: Mapping[str, str]) -> list[Said]:
    """Return the claims of a chapter, in the order in which they were made."""
    return [claim for claim in claims if chapter_of[claim["id"].partition(".")[0]] == letter]


def shown_by(report: Said, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return the families of claims about a hazard, each with its method and its worst verdict.

    Planted errors that are found count as "planted", not as what is false.
    """
    by_id = {claim["id"]: claim for claim in report["claims"]}
    worst: dict[str, tuple[int, str]] = {}
    for id_ in ids:
        claim, family = by_id[id_], id_.partition(".")[0]
        rank, word = Verdict(claim["verdict"]).rank, str(claim["verdict"])
        if claim["role"] == "control" and not is_broken(claim):
            rank, word = -1, "planted"
        worst[family] = max(worst.get(family, (rank, word)), (rank, word))
    return [(METHOD_OF[family], word) for family, (_, word) in worst.items()]
