"""What is refuted of the policy's network: that it is monotone everywhere, and a network that was planted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from autonomy.layers.arrays import all_true
from autonomy.learning.gates import EMPTY
from autonomy.learning.views import battery_of
from autonomy.learning.weights import write_weights
from autonomy.policyproof.gate import witness_certificate
from autonomy.policyproof.monotone import PRICE, STORED, Hour
from autonomy.policyproof.planted import CARD
from autonomy.policyproof.region import Region
from autonomy.policyproof.search import Effort
from autonomy.policyproof.study import EMPTY_MOST, Monotony, controlled, monotonies
from autonomy.safety.canonical import sha256
from autonomy.safety.claim import Claim, Figure, Role
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.domain import OPERATING
from autonomy.safety.exhibit import Curves, Table
from autonomy.safety.verdict import Verdict
from autonomy.safety.verifier import run

COMMAND = "python -m autonomy.policyproof"
MAPPED, FULL_MAPPED = 4, 12
"""Hours whose plane of price and stored share is mapped by branch and bound."""
TRIED, FULL_TRIED = 2500, 10_000
"""Hours in which a grid is tried, at most."""
NAMES = {PRICE: ("price", "the retail price rises"), STORED: ("charge", "more is stored")}
POINTS = 33


def tool() -> str:
    """Return what bounds in floats are found with."""
    return f"autonomy.policyproof, NumPy {version('numpy')}"


def monotone_claims(context: Context, region: Region, hours: Sequence[int]) -> Iterator[Claim]:
    """Yield whether the policy charges less at higher prices, and with more stored; for batteries that are alike."""
    battery = battery_of(region.community)
    capacity = np.asarray(battery.most_kwh - battery.least_kwh)
    prices = {name: (max(low, 1e-3), high) for name, low, high in context.operating.prices}["retail_price"]
    if not all_true(np.isclose(capacity, capacity[0], rtol=1e-12) & (capacity > 0)) or not prices[0] < prices[1]:
        return
    count, every = (FULL_MAPPED, FULL_TRIED) if context.is_full else (MAPPED, TRIED)
    steps = np.concatenate([np.arange(window.start, window.stop) for window in context.windows])
    tried = [int(k) for k in steps[:: -(-len(steps) // every)]]
    mapped = list(hours[:: max(len(hours) // count, 1)][:count])
    context.progress("the policy as price and charge go up")
    effort = Effort(seconds=20.0 if context.is_full else 3.0, by_volume=True)
    for along, found in zip(NAMES, monotonies(region, mapped, tried, prices, effort), strict=True):
        yield _monotone(context, found, along)


def _monotone(context: Context, found: Monotony, along: int) -> Claim:
    name, text = NAMES[along]
    proved, violated, unknown = found.shares
    before, after = found.before.document(), found.after.document()
    return Claim(
        id=f"policy.{name}",
        title=f"Less is charged when {text}",
        statement=f"With all homes alike, the power wanted of all batteries rises by no more than {{tolerance:.2f}} kW "
        f"as {text}. In {{mapped}} hours that is proved over {{proved:.1%}} of the plane of price and stored share, "
        "violated over {violated:.1%}, unknown over {unknown:.1%}; the largest rise met in {tried} hours is {rise:.2f} "
        "kW.",
        sentence=f"Not in every hour: once, the policy charges {{rise:.1f}} kW more when {text}. Limits hold all the "
        "same."
        if found.is_refuted
        else f"In {{tried}} hours tried, the policy never charges more when {text}, but for {{rise:.2f}} kW.",
        verdict=Verdict.REFUTED
        if found.is_refuted
        else Verdict.PROVED_FLOAT
        if proved >= 1.0 - 1e-9
        else Verdict.TESTED,
        method="intervals of the network's slopes [Weng2018] with input splitting; a grid looks for rises",
        tool=tool(),
        checker=COMMAND,
        values={
            "tolerance": found.tolerance_kw,
            "mapped": len(found.mapped),
            "proved": proved,
            "violated": violated,
            "unknown": unknown,
            "tried": len(found.rises),
            "rise": found.worst.by_kw,
        },
        bound=Figure(of="rise", label="largest rise met", unit="kW"),
        witness={
            "step": found.hour.step,
            "time": str(found.hour.region.scenario.time[found.hour.step]),
            "retail_price": [found.hour.retail(float(theta[PRICE])) for theta in (found.worst.start, found.worst.end)],
            "stored": [float(theta[STORED]) for theta in (found.worst.start, found.worst.end)],
            "before": before,
            "after": after,
        }
        if found.is_refuted
        else None,
        role=Role.LIMIT,
        exhibits=(_hours(found), _curve(found, along)),
        **context.about(OPERATING),
    )


def _hours(found: Monotony) -> Table:
    times = found.hour.region.scenario.time
    return Table(
        title="Shares of the plane of price and stored share, hour by hour",
        head=("hour", "proved", "violated", "unknown", "boxes", "s"),
        rows=tuple(
            (str(times[step]), f"{x.proved:.3f}", f"{x.violated:.3f}", f"{x.unknown:.3f}", x.boxes, f"{x.seconds:.1f}")
            for step, x in zip(found.steps, found.mapped, strict=True)
        ),
        note=f"Monotone here: a rise of at most {found.tolerance_kw:.2f} kW over the whole range.",
    )


def _curve(found: Monotony, along: int) -> Curves:
    hour: Hour = found.hour
    axis = np.linspace(0.0, 1.0, POINTS) if along == PRICE else np.linspace(0.01, 0.99, POINTS)
    theta = np.repeat(found.worst.start[None], POINTS, axis=0)
    theta[:, along] = axis
    power = hour.wanted_kw(theta)
    across = [hour.retail(float(x)) for x in axis] if along == PRICE else list(axis)
    return Curves(
        title=f"The hour with the largest rise, {hour.region.scenario.time[hour.step]}",
        across="retail price, currency/kWh" if along == PRICE else "stored share of the usable capacity",
        up="wanted of all batteries, kW",
        curves=(("wanted", tuple((float(x), float(y)) for x, y in zip(across, power, strict=True))),),
        note=f"In the simulator: {found.before.battery_kw.sum():.3f} kW at the start of the rise, "
        f"{found.after.battery_kw.sum():.3f} kW at its end.",
    )


def planted_claim(context: Context, region: Region, step: int) -> Claim:
    """Return the control: a network with a hidden counterexample has to be refuted, with a witness that plays."""
    context.progress("a network with a hidden counterexample")
    found = controlled(region, step, effort=Effort(seconds=60.0, to_first=True))
    path = context.folder / "evidence" / "policy" / "planted.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_weights(path, found.networks, CARD)
    weights = [("evidence/policy/planted.npz", place) for place in range(len(found.networks))]
    is_found = found.found.value > EMPTY_MOST
    certificate, check = "", None
    values: dict[str, Any] = {
        "bound": EMPTY_MOST,
        "sampled": found.sampled,
        "samples": found.samples,
        "boxes": found.found.boxes,
    }
    if is_found:
        document = witness_certificate(
            weights, EMPTY, found.found.point, most=EMPTY_MOST, statement="The planted networks at the witness."
        )
        certificate = context.write("policy/planted.json", document)
        check = ({"kind": "certificate", "certificate": certificate},)
        said = run(context.checker, check[0])
        values |= {"value": float(said["value"]), "weights": {path.name: sha256(path.read_bytes())}}
    moved = found.played.document(), found.honest.document()
    return Claim(
        id="control.network",
        title="A network with a hidden counterexample",
        statement="The deployed networks with a slit added, {samples} random inputs of which stay at {sampled:.1e}, "
        "keep the gate that empties batteries below {bound:g}.",
        sentence="Planted: a network that empties the batteries in a slit of the state space that {samples:,} random "
        "tries miss. The search finds it in {boxes:,} boxes, and the simulator plays it.",
        verdict=Verdict.REFUTED if is_found else Verdict.TESTED,
        method="linear bounds with input splitting find a point; its gate is computed again in fractions",
        tool=tool(),
        checker=CHECKER,
        values=values,
        bound=Figure(of="value", label="gate at the witness") if is_found else None,
        witness={"step": step, "planted": moved[0], "deployed": moved[1], "point": certificate} if is_found else None,
        certificate=certificate,
        role=Role.CONTROL,
        check=check,
        **context.about(OPERATING),
    )
