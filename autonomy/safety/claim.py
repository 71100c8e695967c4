"""A claim: one sentence about safety, how it is known, and where the evidence lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from autonomy.safety.exhibit import Exhibit, exhibit_of
from autonomy.safety.verdict import Verdict

Values: TypeAlias = Mapping[str, Any]
"""Numbers and words by name, as JSON has them."""


class Role(StrEnum):
    """What it means that a claim is refuted."""

    PROMISE = "promise"
    """The stack is to be relied on for it: refuted, it is unsafe."""
    FACT = "fact"
    """It was counted or measured: how things were, neither promised nor a warning."""
    LIMIT = "limit"
    """It is not promised, and stated so that nobody takes it for granted."""
    CONTROL = "control"
    """It was planted to be refuted: all is well when it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A number of a claim that is shown beside it.

    Attributes:
        of: Its name in the claim's values.
        label: What it is, a few words.
        unit: Its unit; empty for a count.
    """

    of: str
    label: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One claim.

    Texts may name values in braces, as `str.format` does; so no number of a text differs from the number that the
    checker looks at.

    Attributes:
        id: Where it stands and what it is, as in `runtime.limits`.
        title: A few words.
        statement: What is claimed, in the letters of the model.
        sentence: The same for whoever knows power systems and not this code.
        verdict: How it is known.
        method: How it was shown.
        tool: With what, and which version of it.
        domain: Name of the domain it is about, among those of the report.
        domain_sha256: Hash of that domain.
        code_sha256: Hash of the code it is about.
        values: Its numbers.
        bound: The number that bounds what is claimed; None for none.
        margin: How much is left to the limit; None for none.
        witness: What refutes it, or attains the bound, so that it can be replayed; None for none.
        certificate: File of the folder that shows it; empty for none.
        checker: The command that checks it again.
        seconds: s that it took; whoever builds the report measures it.
        assumptions: Ids of the claims it rests on.
        check: What the checker in the folder does about it, see docs/safety-certificates.md; None for nothing.
        role: What it means that it is refuted.
        exhibits: Tables and figures under it.
    """

    id: str
    title: str
    statement: str
    sentence: str
    verdict: Verdict
    method: str
    tool: str
    domain: str
    domain_sha256: str
    code_sha256: str
    checker: str
    seconds: float = 0.0
    values: Values = field(default_factory=dict)
    bound: Figure | None = None
    margin: Figure | None = None
    witness: Values | None = None
    certificate: str = ""
    assumptions: tuple[str, ...] = ()
    check: tuple[Values, ...] | None = None
    role: Role = Role.PROMISE
    exhibits: tuple[Exhibit, ...] = ()

    @property
    def is_as_expected(self) -> bool:
        """Whether a promise holds, and a control is refuted."""
        if self.role in (Role.LIMIT, Role.FACT):
            return True
        return (self.verdict is Verdict.REFUTED) == (self.role is Role.CONTROL)

    def document(self) -> dict[str, Any]:
        """Return the claim as the report's JSON has it."""
        return {
            **{name: getattr(self, name) for name in PLAIN},
            "values": dict(self.values),
            "bound": _shown(self.bound, self.values),
            "margin": _shown(self.margin, self.values),
            "witness": None if self.witness is None else dict(self.witness),
            "assumptions": list(self.assumptions),
            "check": None if self.check is None else [dict(check) for check in self.check],
            "exhibits": [exhibit.document() for exhibit in self.exhibits],
        }


PLAIN = (
    "id", "title", "statement", "sentence", "verdict", "method", "tool", "domain", "domain_sha256", "code_sha256",
    "certificate", "checker", "seconds", "role",
)  # fmt: skip


def _shown(figure: Figure | None, values: Values) -> dict[str, Any] | None:
    if figure is None:
        return None
    return {"of": figure.of, "label": figure.label, "unit": figure.unit, "value": values[figure.of]}


def claim_of(document: Values) -> Claim:
    """Return the claim that `Claim.document` wrote."""
    check = document["check"]
    return Claim(
        **{name: document[name] for name in PLAIN if name not in ("verdict", "role")},
        verdict=Verdict(document["verdict"]),
        role=Role(document["role"]),
        bound=_figure(document["bound"]),
        margin=_figure(document["margin"]),
        values=document["values"],
        witness=document["witness"],
        assumptions=tuple(document["assumptions"]),
        check=None if check is None else tuple(check),
        exhibits=tuple(map(exhibit_of, document["exhibits"])),
    )


def _figure(said: Values | None) -> Figure | None:
    return None if said is None else Figure(of=said["of"], label=said["label"], unit=said["unit"])
