"""Where a reader of standards finds what they look for. A mapping states no conformity; nothing was assessed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """One row.

    Attributes:
        source: The standard or law.
        item: A role, function, article or requirement of it.
        here: What of the stack or of this report it maps to.
        claims: Where that is shown: ids of claims; one that ends with a dot stands for all that begin so.
        missing: What it would take beyond that.
    """

    source: str
    item: str
    here: str
    claims: tuple[str, ...]
    missing: str


ASTM, IEEE7, IEEE8 = (
    "ASTM F3269 (run-time assurance)",
    "IEEE 2030.7 (microgrid controllers)",
    "IEEE 2030.8 (their tests)",
)
IEEE1547, AI_ACT, NIST = "IEEE 1547 (interconnection of DER)", "EU AI Act, Regulation (EU) 2024/1689", "NIST AI RMF 1.0"

MAPPINGS: tuple[Mapping, ...] = (
    Mapping(
        source=ASTM,
        item="complex function",
        here="the policy (Layer 1), learned or not, never trusted",
        claims=("runtime.adversary", "faults.untrusted"),
        missing="F3269 is written for aircraft; nobody has assessed this stack against it",
    ),
    Mapping(
        source=ASTM,
        item="input manager",
        here="the screen: types, ranges, units, age of what a host sends",
        claims=("gate.dead-stop", "faults.trusted"),
        missing="sensors of its own; plausible lies are found late or not at all",
    ),
    Mapping(
        source=ASTM,
        item="safety monitor",
        here="CHECK in whole milliwatts, and the monitors of meters, batteries and clock",
        claims=("gate.lines", "gate.battery", "novelty."),
        missing="–",
    ),
    Mapping(
        source=ASTM,
        item="RTA switch",
        here="the gate: executed = proposal if CHECK, else the next rung of the ladder",
        claims=("gate.recovery", "control.core"),
        missing="it runs in the policy's process unless the host separates them",
    ),
    Mapping(
        source=ASTM,
        item="recovery control function",
        here="the ladder: support, grid-only, dead stop",
        claims=("gate.recovery", "gate.dead-stop", "worst-case."),
        missing="–",
    ),
    Mapping(
        source=IEEE7,
        item="dispatch function",
        here="a decision each step: set-points, cuts and caps within all limits",
        claims=("runtime.limits", "optimality."),
        missing="dispatch rules for islanded operation, reserve for frequency",
    ),
    Mapping(
        source=IEEE7,
        item="transition function",
        here="nothing: the stack does not connect, disconnect or island",
        claims=("assume.scope",),
        missing="all of it",
    ),
    Mapping(
        source=IEEE8,
        item="tests of the dispatch function",
        here="recorded weeks, scenarios and fault injection with a plant that knows the truth",
        claims=("runtime.", "faults."),
        missing="hardware in the loop, and the tests of transitions",
    ),
    Mapping(
        source=IEEE1547,
        item="limiting active power of a DER",
        here="curtailment and caps of every decision, connection limits",
        claims=("gate.lines", "gate.caps"),
        missing="the inverter's own certification; response times within a step",
    ),
    Mapping(
        source=IEEE1547,
        item="voltage and frequency ride-through, reactive power, cease to energize",
        here="nothing: these are functions of inverters and protection",
        claims=("assume.scope",),
        missing="all of it",
    ),
    Mapping(
        source=AI_ACT,
        item="Article 9, risk management system",
        here="the hazard table, with what is left of each hazard",
        claims=("gate.", "faults.", "worst-case."),
        missing="the process around it; whether the system is high-risk is the provider's to determine",
    ),
    Mapping(
        source=AI_ACT,
        item="Article 11, technical documentation",
        here="this report with its identity, the docs folder, the model card of the weights",
        claims=("domain.", "assume."),
        missing="what Annex IV asks for beyond the software",
    ),
    Mapping(
        source=AI_ACT,
        item="Article 12, record-keeping",
        here="the journal: every decision, from what, and why",
        claims=("journal.",),
        missing="–",
    ),
    Mapping(
        source=AI_ACT,
        item="Article 14, human oversight",
        here="modes and reasons of every decision in words; a policy can be taken away at any step",
        claims=("runtime.interventions", "runtime.fallbacks"),
        missing="the people, their training and their interface",
    ),
    Mapping(
        source=AI_ACT,
        item="Article 15, accuracy, robustness and cybersecurity",
        here="certified distance and share of the saving; faults, adversaries, unusual days; hashes",
        claims=("optimality.", "runtime.adversary", "faults.", "novelty.", "policy."),
        missing="cybersecurity of host and network",
    ),
    Mapping(
        source=AI_ACT,
        item="Article 19, automatically generated logs",
        here="journals are kept by the host, can be verified, and show what is missing",
        claims=("journal.",),
        missing="how long they are kept is the host's to see to",
    ),
    Mapping(
        source=NIST,
        item="Map",
        here="the operating domain, the hazards, what is assumed",
        claims=("domain.", "assume."),
        missing="context and people affected, beyond the technical ones",
    ),
    Mapping(
        source=NIST,
        item="Measure",
        here="claims with verdicts, bounds and certificates that anybody can check again",
        claims=("runtime.", "gate.", "novelty."),
        missing="–",
    ),
    Mapping(
        source=NIST,
        item="Manage",
        here="the recovery ladder, monitors with stated false-alarm rates",
        claims=("gate.recovery", "novelty."),
        missing="incident response",
    ),
    Mapping(
        source=NIST,
        item="Govern",
        here="nothing beyond what a repository with a gate gives",
        claims=("control.",),
        missing="an organisation's policies and responsibilities",
    ),
)

NON_CLAIMS: tuple[str, ...] = (
    "No conformity with any standard or law was assessed, and none is claimed.",
    "No safety integrity level (SIL, IEC 61508) is claimed.",
    "No AC power flow, no phases, no unbalance, no meshes: active power on a tree.",
    "No protection: short circuits, earth faults, over-current devices are not modelled.",
    "No frequency, no islanding, no black start.",
    "Nothing within a step beyond the caps that are stated with every decision.",
)


def mapping_rows() -> list[dict[str, Any]]:
    """Return the mapping as the report has it."""
    return [{**asdict(row), "claims": list(row.claims)} for row in MAPPINGS]
