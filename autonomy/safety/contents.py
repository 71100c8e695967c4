"""The chapters of the report, who makes their claims, and in which order."""

from __future__ import annotations

from autonomy.safety.chapters import (
    assumptions,
    controls,
    extremes,
    faults,
    gate,
    journal,
    market,
    novelty,
    operating,
    optimality,
    policy,
    reserves,
    runtime,
)
from autonomy.safety.context import Provider

CHAPTERS: dict[str, str] = {
    "A": "Identity",
    "B": "Operating domain",
    "C": "Hazards and assumptions",
    "D": "Proved for all inputs, or over the domain",
    "E": "Run-time certificates",
    "F": "The policy's network",
    "G": "Controls that must fail",
    "H": "Out of distribution, and faults",
    "I": "Optimality",
    "J": "Journal",
    "K": "Standards and laws",
    "L": "How to reproduce it",
}
"""Letter and title."""
CHAPTER_OF: dict[str, str] = {
    "domain": "B",
    "assume": "C",
    "gate": "D",
    "worst-case": "D",
    "reserve": "D",
    "penalty": "D",
    "soc": "D",
    "market": "D",
    "runtime": "E",
    "policy": "F",
    "control": "G",
    "novelty": "H",
    "faults": "H",
    "optimality": "I",
    "journal": "J",
}
"""Chapter of a claim, by the first word of its id."""
METHOD_OF: dict[str, str] = {
    "domain": "count",
    "assume": "inspection",
    "gate": "two theorem provers",
    "worst-case": "exact dual bounds",
    "reserve": "exact dual bounds",
    "penalty": "optimality conditions",
    "soc": "closed form",
    "market": "exact recount",
    "runtime": "every decision judged again",
    "policy": "bound propagation",
    "control": "planted errors",
    "novelty": "planted faults",
    "faults": "fault injection",
    "optimality": "exact dual bounds",
    "journal": "hashes and replay",
}
"""How claims are shown, in a few words, by the first word of their id; each claim has its own in full."""
PROVIDERS: dict[str, Provider] = {
    "assumptions": assumptions.claims,
    "gate": gate.claims,
    "runtime": runtime.claims,
    "operating": operating.claims,
    "market": market.claims,
    "extremes": extremes.claims,
    "reserves": reserves.claims,
    "policy": policy.claims,
    "optimality": optimality.claims,
    "journal": journal.claims,
    "novelty": novelty.claims,
    "faults": faults.claims,
    "controls": controls.claims,
}
"""Who makes claims, in the order in which they are made: controls come last, because they are about the others."""


def chapter_of(id_: str) -> str:
    """Return the letter of a claim's chapter."""
    return CHAPTER_OF[id_.partition(".")[0]]
