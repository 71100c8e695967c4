"""What the best dispatch would have cost, window by window: what is proved of it, how, and what policies reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autonomy.evidence import Optimum, RunEvidence
from autonomy.report.quantity import MISSING, count, percent, quantity
from autonomy.report.week import BASELINE, OPTIMUM

EXCLUSIVE_LP, TIGHT_LP, RELAXED_LP = "LP (exclusive)", "LP (tightened)", "LP (relaxed)"
MILP, RULE = "MILP", "rule"
EXACT, FLOAT, LIMIT = "EXACT", "FLOAT", "LIMIT"
WORST_LAST = (EXACT, FLOAT, LIMIT, "")
SCIENTIFIC_BELOW = 1e-4
"""Relative gap below which per cents have too few digits."""
CLAIMED = 0.99
"""Part of the proved gap below which the stated one is the solver's claim, and not the proved one with fees rounded."""

VERDICTS = {
    EXACT: (
        "Checked in whole numbers, without the solver: no dispatch costs less than the bound, this one breaks no limit "
        "by more than a ten-millionth of a kW, and the gap between them is at most the one asked for."
    ),
    FLOAT: (
        "The gap that is proved without the solver is larger than the one asked for. Where the solver claims a smaller "
        "one, both are stated."
    ),
    LIMIT: (
        "A limit stopped the search. The dispatch is the best one that was found; bound and gap are proved, and nobody "
        "says that it is optimal."
    ),
}
PROOFS = {
    "LP, exclusive": (
        "The optimum of the linear program never charges and discharges a battery at once, nor does whatever else "
        "excludes each other, although nobody asked for it: so it is the optimum. Its multipliers prove the bound."
    ),
    "LP, tightened": "The same with rows added that the exclusions imply.",
    "LP, relaxed": "The linear program allows more than the simulator does; the gap says how much that matters.",
    "splits": (
        "Either a column is 0, or all columns are that exclude it: a tree of linear programs, whose multipliers prove "
        "the bound."
    ),
    "binaries": "HiGHS's mixed-integer search, which leaves no proof that can be checked without it.",
    "rule": "No search came to an end; the dispatch is that of a simple rule.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One window, or all of them.

    Attributes:
        label: Which.
        costs: (cost, share of the achievable saving) of each policy.
        optimum: What the dispatch costs; after "≤" where a limit stopped the search for a cheaper one.
        bound: What no dispatch costs less than.
        gap: Relative, between the two.
        proved: The gap that is proved, where that is another one; else empty.
        verdict: "EXACT", "FLOAT", "LIMIT", or empty.
        proof: How it was proved, in two words.
    """

    label: str
    costs: tuple[tuple[str, str], ...]
    optimum: str
    bound: str
    gap: str
    proved: str
    verdict: str
    proof: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimumSection:
    """The optima of a run, ready for a page.

    Attributes:
        policies: Whose costs the lines have.
        lines: One a window.
        total: All windows together; None where there is only one.
        asked: The gap that was asked for.
        verdicts: (verdict, meaning) of those that occur.
        proofs: (kind of proof, meaning) of those that occur.
        caution: What shares are worth where the optimum is not proved; empty where it is.
    """

    policies: tuple[str, ...]
    lines: tuple[Line, ...]
    total: Line | None
    asked: str
    verdicts: tuple[tuple[str, str], ...]
    proofs: tuple[tuple[str, str], ...]
    caution: str


def optimum_section(evidence: RunEvidence) -> OptimumSection | None:
    """Return the optima of a run; None where none was computed."""
    optima = evidence.optima
    if not optima or OPTIMUM not in evidence.policies:
        return None
    policies = tuple(policy for policy in evidence.policies if policy != OPTIMUM)
    costs = {policy: [run.cost for run in evidence.trajectories[policy]] for policy in evidence.policies}
    lines = tuple(
        _line(label, {policy: costs[policy][k] for policy in costs}, (optima[k],))
        for k, (label, _, _) in enumerate(evidence.windows)
    )
    whole = {policy: math.fsum(of_policy) for policy, of_policy in costs.items()}
    used = {line.verdict for line in lines}
    kinds = {proof_of(optimum) for optimum in optima}
    asked = {optimum.asked_gap for optimum in optima if math.isfinite(optimum.asked_gap)}
    return OptimumSection(
        policies=policies,
        lines=lines,
        total=_line("all windows", whole, optima) if len(lines) > 1 else None,
        asked=gap_text(max(asked, default=math.nan)),
        verdicts=tuple((name, meaning) for name, meaning in VERDICTS.items() if name in used),
        proofs=tuple((name, meaning) for name, meaning in PROOFS.items() if name in kinds),
        caution=_caution(evidence, policies, whole),
    )


def gap_text(gap: float) -> str:
    """Return a relative gap: per cent, or a power of ten where it is small."""
    if math.isnan(gap):
        return MISSING
    if gap <= 0:
        return "0"
    if gap >= SCIENTIFIC_BELOW:
        return percent(gap, 2)
    digit, power = f"{gap:.0e}".split("e")
    return f"{digit}e−{abs(int(power))}"


def proof_of(optimum: Optimum) -> str:
    """Return how an optimum was proved, one of `PROOFS`."""
    if optimum.method == MILP:
        return "binaries" if optimum.verdict == FLOAT and optimum.gap < CLAIMED * optimum.proved_gap else "splits"
    return {EXCLUSIVE_LP: "LP, exclusive", TIGHT_LP: "LP, tightened", RULE: "rule"}.get(optimum.method, "LP, relaxed")


def proof_text(optimum: Optimum) -> str:
    """Return how an optimum was proved and how much that took."""
    kind = proof_of(optimum)
    if kind == "binaries":
        return count(optimum.binaries, "binary", "binaries")
    return f"splits, {count(optimum.programs, 'LP')}" if kind == "splits" else kind


def worst_verdict(optima: Sequence[Optimum]) -> str:
    """Return the verdict that proves least: of them "EXACT", then "FLOAT", "LIMIT", and none."""
    return max((o.verdict for o in optima), key=WORST_LAST.index)


def _line(label: str, costs: dict[str, float], optima: Sequence[Optimum]) -> Line:
    objective, bound = (math.fsum(getattr(o, name) for o in optima) for name in ("objective", "bound"))
    size, verdict = max(abs(objective), 1.0), worst_verdict(optima)
    one = optima[0] if len(optima) == 1 else None
    gap = one.gap if one else max(objective - bound, 0.0) / size
    proved = math.fsum(o.proved_gap * max(abs(o.objective), 1.0) for o in optima) / size
    same = gap_text(gap) == gap_text(proved)
    kinds = list(dict.fromkeys(proof_of(o).partition(",")[0] for o in optima))
    return Line(
        label=label,
        costs=tuple(
            (quantity(cost), percent(share(costs, cost))) for policy, cost in costs.items() if policy != OPTIMUM
        ),
        optimum=f"{'≤ ' if verdict == LIMIT else ''}{quantity(costs[OPTIMUM])}",
        bound=quantity(bound),
        gap=gap_text(gap),
        proved=f"{gap_text(proved)} proved" if verdict == FLOAT and not same else "",
        verdict=verdict,
        proof=proof_text(one) if one else " and ".join(kinds),
    )


def share(costs: dict[str, float], cost: float, optimum: float | None = None) -> float:
    """Return (grid-only − cost)/(grid-only − optimum); NaN where there is no grid-only, or nothing to save."""
    best = costs[OPTIMUM] if optimum is None else optimum
    saving = costs.get(BASELINE, math.nan) - best
    return (costs[BASELINE] - cost) / saving if saving > 0 else math.nan


def _caution(evidence: RunEvidence, policies: Sequence[str], costs: dict[str, float]) -> str:
    """Return what the shares are at least, where what they are measured by may not be the optimum."""
    if all(optimum.verdict == EXACT for optimum in evidence.optima) or BASELINE not in costs:
        return ""
    bound = math.fsum(optimum.bound for optimum in evidence.optima)
    least = [
        f"{policy} {percent(share(costs, costs[policy], bound))}"
        for policy in policies
        if policy != BASELINE and share(costs, costs[policy], bound) > 0
    ]
    said = f" Measured by the bound, the shares of all windows are at least: {', '.join(least)}." if least else ""
    return f"Not every optimum is proved, so a share may be less than it says.{said}"
