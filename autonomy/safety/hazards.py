"""What can go wrong, and what stands against it: hazard, constraint, guarantee, and what is left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Hazard:
    """One hazard.

    Attributes:
        id: H and a number.
        title: What happens, a few words.
        harm: Whom or what it harms.
        constraint: What must hold so that it does not happen, in the letters of docs/notation.md.
        guarantee: What the stack does about it.
        claims: Ids of the claims that show it; one that ends with a dot stands for all that begin so.
        residual: What is left.
    """

    id: str
    title: str
    harm: str
    constraint: str
    guarantee: str
    claims: tuple[str, ...]
    residual: str


HAZARDS: tuple[Hazard, ...] = (
    Hazard(
        id="H1",
        title="Feeder or line overloaded by imports",
        harm="transformer and cables overheat; protection trips and everybody is dark",
        constraint="Σ n_i over i below l >= −Limp_l for every line l, with losses",
        guarantee="CHECK lets no plan pass that breaks it; recovery sheds the least load that keeps it",
        claims=("gate.lines", "gate.recovery", "gate.losses", "runtime.limits", "runtime.unseen", "worst-case."),
        residual="lies of meters that look right, loads that the host cannot cut, and what happens within a step",
    ),
    Hazard(
        id="H2",
        title="Feeder or line overloaded by exports",
        harm="transformer and cables overheat; voltage rises",
        constraint="Σ n_i over i below l <= Lexp_l for every line l",
        guarantee="the same gate; recovery curtails the least generation that keeps it",
        claims=("gate.lines", "gate.recovery", "runtime.limits", "worst-case."),
        residual="as H1; a load that falls below what was planned can pass an export limit until the next step",
    ),
    Hazard(
        id="H3",
        title="Connection of a home overloaded",
        harm="its main fuse blows",
        constraint="|n_i| <= K_i",
        guarantee="the same gate, prosumer by prosumer",
        claims=("gate.lines", "runtime.limits"),
        residual="as H1",
    ),
    Hazard(
        id="H4",
        title="Battery charged or discharged beyond its band",
        harm="it ages, swells or fails; the reserve of its owner is gone",
        constraint="emin <= e' <= emax, −P⁻ <= b <= P⁺",
        guarantee="every set-point lies in the box of its SoC and rate; from outside the band it only comes back",
        claims=("gate.battery", "gate.robust", "soc.", "runtime.limits", "assume.meters", "assume.ratings"),
        residual="a meter or an efficiency that is wrong by more than was allowed for",
    ),
    Hazard(
        id="H5",
        title="Load shed although a battery could have served it",
        harm="homes without power for no reason",
        constraint="ρs > max w·(P⁺ + P⁻), so that shedding is the last resort",
        guarantee="the price of shedding lies above the exact-penalty threshold",
        claims=("penalty.threshold", "worst-case.", "reserve.", "runtime.nearest"),
        residual="a policy that empties the batteries before a peak: see the reserve, and docs/lookahead.md",
    ),
    Hazard(
        id="H6",
        title="The policy answers nonsense, too late, or not at all",
        harm="whatever it asks for would be done",
        constraint="any answer, and none, leads to a decision that keeps H1 to H5",
        guarantee="intents are clipped and projected; without one the recovery ladder decides",
        claims=("gate.recovery", "gate.dead-stop", "runtime.adversary", "runtime.fallbacks", "runtime.latency"),
        residual="a policy that is hostile to the process it runs in, rather than wrong",
    ),
    Hazard(
        id="H7",
        title="The solver fails, or says what is not so",
        harm="a plan that breaks limits is taken for the best one",
        constraint="nothing is executed because a solver said that it is feasible",
        guarantee="CHECK looks at every plan; certificates are checked by weak duality, whatever the status",
        claims=("runtime.nearest", "control.solver", "control.core", "assume.arithmetic"),
        residual="a solver that takes long: the exact one has no iterations to run away",
    ),
    Hazard(
        id="H8",
        title="Meters lie, freeze, or go missing",
        harm="decisions are right for a world that is not",
        constraint="caps hold whatever was measured; a doubt costs the doubted prosumer as little as possible",
        guarantee="screen, monitors, fair shares; what is found, how soon, and what is not is measured",
        claims=("gate.dead-stop", "faults.", "novelty."),
        residual="plausible lies of meters, see the blind spots under the claims",
    ),
    Hazard(
        id="H9",
        title="Devices do not do what was decided",
        harm="limits are kept on paper only",
        constraint="what was applied is compared with what was asked, a step later",
        guarantee="a battery that disobeys is counted out",
        claims=("assume.devices", "faults."),
        residual="the first faulty step; a device that reports what was asked",
    ),
    Hazard(
        id="H10",
        title="The market makes or loses money, or somebody pays more than without it",
        harm="members are cheated by rounding or by rules",
        constraint="Σ t = 0, Σ payments = 0, feed-in <= price <= retail",
        guarantee="whole quanta and whole micro-currency; everybody's own limit is kept",
        claims=("market.",),
        residual="bidding something else than the true value can gain: no such auction is strategy-proof",
    ),
    Hazard(
        id="H11",
        title="The record is changed, cut or incomplete",
        harm="nobody can tell afterwards what was decided, and why",
        constraint="every decision is in a chain of hashes before it is returned, and can be decided again",
        guarantee="journal with Merkle roots; this folder with a manifest",
        claims=("journal.", "control."),
        residual="who holds the file can write another one: publish the head",
    ),
    Hazard(
        id="H12",
        title="The world is not the one that was learned from",
        harm="the policy is expensive or useless, and nobody notices",
        constraint="days that are unlike all calibrated ones are noticed, at a stated false-alarm rate",
        guarantee="novelty, drift and repeat watches; limits hold all the same",
        claims=("novelty.", "domain.", "policy."),
        residual="what is not found: see the detection matrix",
    ),
    Hazard(
        id="H13",
        title="The model leaves out what matters",
        harm="limits that are kept are not the ones that break",
        constraint="the scope is stated",
        guarantee="active power on a tree, in steps; voltage is an option of the projection",
        claims=("assume.scope", "assume.step", "assume.ratings"),
        residual="no AC power flow, no protection, no phases, no frequency, no SIL",
    ),
    Hazard(
        id="H14",
        title="This report is wrong",
        harm="trust where there should be none",
        constraint="every claim can be checked again, and planted errors are found",
        guarantee="a checker that shares no code; controls that must fail",
        claims=("control.", "gate."),
        residual="an error in docs/ that both sides follow; the checker itself: 1,300 lines to read",
    ),
    Hazard(
        id="H15",
        title="The policy, or keeping it safe, costs more than it saves",
        harm="members pay for a controller that is worth less than none",
        constraint="cost of the policy under the shield < cost with batteries at rest",
        guarantee="none: it is measured against the certified optimum, interventions and their price beside it",
        claims=("optimality.", "runtime.interventions"),
        residual="weeks unlike the recorded ones; tariffs that change",
    ),
)


def shown_by(hazard: Hazard, claims: Collection[str]) -> tuple[str, ...]:
    """Return the ids of the claims that are there and show that a hazard is kept away."""
    return tuple(
        id_
        for id_ in claims
        if any(id_ == name or (name.endswith(".") and id_.startswith(name)) for name in hazard.claims)
    )


def hazard_rows(claims: Collection[str]) -> list[dict[str, Any]]:
    """Return the hazards as the report has them, with the claims that are there."""
    return [{**asdict(hazard), "claims": list(shown_by(hazard, claims))} for hazard in HAZARDS]


def orphans(claims: Collection[str]) -> tuple[str, ...]:
    """Return the hazards that no claim speaks about, and the claims that speak about no hazard."""
    lonely = [hazard.id for hazard in HAZARDS if not shown_by(hazard, claims)]
    spoken = {id_ for hazard in HAZARDS for id_ in shown_by(hazard, claims)}
    return (*lonely, *(id_ for id_ in claims if id_ not in spoken))
