"""The verdict: which safety rules were broken, in words. Judged on what was executed, never on what was planned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autonomy.evidence import RunEvidence
from autonomy.layers.invariants import INVARIANTS, TOLERANCE_KW, Violation
from autonomy.report.quantity import count, quantity

LINE_RULES = ("line",)
COMMUNITY_RULES = ("power balance", "trade sum")
UNTRUSTED = {
    "nan": "one that answers NaN",
    "random": "one that answers at random",
    "adversarial": "one that tries to break the limits",
    "hostile": "one that tries to break the limits",
    "faulty": "one that is faulty on purpose",
    "raises": "one that raises an exception",
    "late": "one that answers late",
}
"""Words in a policy's name that make it worth a mention: it was broken on purpose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One broken rule at one step.

    Attributes:
        policy: The policy's name.
        window: Label of the window.
        step: Step within the window, from 0.
        time: Start of the step, ISO 8601 to the minute.
        place: The prosumer or line, in words.
        violation: The rule and the amount.
    """

    policy: str
    window: str
    step: int
    time: str
    place: str
    violation: Violation

    @property
    def amount(self) -> str:
        """By how much, in words."""
        if math.isnan(self.violation.amount):
            return "an amount that is not a number"
        return f"{_amount(self.violation.amount)} {self.violation.unit}"

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        return (
            f"Under {self.policy}, at {self.time} (step {self.step} of {self.window}), the rule "
            f"“{self.violation.rule}” was exceeded by {self.amount} at {self.place}."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether every safety rule held.

    Attributes:
        held: True only when at least one step ran and no rule was broken.
        sentence: The verdict in one sentence.
        basis: What was checked and what that does not show.
        findings: Every broken rule, in the order of policies, windows and steps.
    """

    held: bool
    sentence: str
    basis: str
    findings: tuple[Finding, ...]


def verdict(evidence: RunEvidence) -> Verdict:
    """Return the verdict on every policy of a run."""
    findings = tuple(_findings(evidence))
    steps = {policy: sum(run.time.size for run in evidence.trajectories[policy]) for policy in evidence.policies}
    unlisted = _unlisted(evidence, findings)
    if not sum(steps.values()):
        held, sentence = False, "No step was run, so nothing is shown."
    elif findings:
        held, sentence = False, _failure(findings)
    elif unlisted:
        held, sentence = False, unlisted
    else:
        held, sentence = True, _success(steps)
    return Verdict(held=held, sentence=sentence, basis=_basis(findings), findings=findings)


def _findings(evidence: RunEvidence) -> list[Finding]:
    found = []
    for policy in evidence.policies:
        for (label, _, _), run in zip(evidence.windows, evidence.trajectories[policy], strict=True):
            for step, violation in run.violations:
                time = minute(run.time[step])
                place = _place(evidence, violation)
                found.append(
                    Finding(policy=policy, window=label, step=step, time=time, place=place, violation=violation)
                )
    return found


def minute(time: np.datetime64) -> str:
    """Return a time as "2016-08-22 14:00"."""
    return str(np.datetime_as_string(time, unit="m")).replace("T", " ")


def _place(evidence: RunEvidence, violation: Violation) -> str:
    if violation.rule in COMMUNITY_RULES:
        return "the community as a whole"
    if violation.rule in LINE_RULES:
        is_feeder = int(evidence.community.network.parent[violation.index]) == -1
        return "the feeder" if is_feeder else f"line {violation.index}"
    return evidence.community.names[violation.index]


def _amount(value: float) -> str:
    if abs(value) >= 0.01 or not math.isfinite(value):
        return quantity(value, 2)
    return np.format_float_positional(value, precision=2, fractional=False, trim="-")


def _unlisted(evidence: RunEvidence, findings: tuple[Finding, ...]) -> str:
    """Return a sentence when the key figures count more broken rules than the steps list; else nothing."""
    for policy in evidence.policies:
        listed = sum(finding.policy == policy for finding in findings)
        counted = evidence.kpis[policy].violations
        if counted > listed:
            return (
                f"The key figures count {count(counted, 'violation')} under {policy}, but the steps list {listed}: "
                "the evidence contradicts itself."
            )
    return ""


def _success(steps: dict[str, int]) -> str:
    sizes = set(steps.values())
    if len(steps) == 1:
        where = f"{count(sizes.pop(), 'step')} under the policy {next(iter(steps))}"
    elif len(sizes) == 1:
        where = f"{count(sizes.pop(), 'step')} under each of {len(steps)} policies"
    else:
        where = f"{count(sum(steps.values()), 'step')} under {len(steps)} policies"
    untrusted = [
        UNTRUSTED[word]
        for policy in steps
        for word in policy.lower().replace("_", "-").replace(" ", "-").split("-")
        if word in UNTRUSTED
    ]
    unique = list(dict.fromkeys(untrusted))
    including = f", including {_and(unique)}" if unique else ""
    return f"0 violations in {where}{including}."


def _failure(broken: tuple[Finding, ...]) -> str:
    parts = []
    for rule in dict.fromkeys(finding.violation.rule for finding in broken):
        same = [finding for finding in broken if finding.violation.rule == rule]
        # NaN is the worst amount of all: nothing bounds it.
        worst = max(same, key=lambda finding: (math.isnan(finding.violation.amount), finding.violation.amount))
        policies = _and(list(dict.fromkeys(finding.policy for finding in same)))
        times = {1: "once", 2: "twice"}.get(len(same), f"{len(same):,} times")
        parts.append(
            f"“{rule}” was broken {times} under {policies} (worst: {worst.amount} at {worst.place}, {worst.time})"
        )
    return f"{count(len(broken), 'violation')}: {'; '.join(parts)}."


def _basis(findings: tuple[Finding, ...]) -> str:
    return (
        f"{len(INVARIANTS)} rules were checked on every executed step, by a checker that is separate from the "
        f"controller's projection (tolerance {quantity(TOLERANCE_KW, 5)} kW). This shows what happened in the steps "
        f"that were run; it is a search for violations that found {'some' if findings else 'none'}, not a proof for "
        "other steps."
    )


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
