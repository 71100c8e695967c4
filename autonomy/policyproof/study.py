"""The properties of a policy's network, each one question; the report and the command line ask them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.inputs import LOAD
from autonomy.learning.gates import EMPTY
from autonomy.learning.network import Network
from autonomy.policyproof.crown import Box, bounds_of, plane_below
from autonomy.policyproof.ensemble import INPUTS, STORED, Ensemble, box_of
from autonomy.policyproof.gate import gate_objective
from autonomy.policyproof.layered import Layered, unrolled
from autonomy.policyproof.milp import Optimum, maximise
from autonomy.policyproof.monotone import PRICE, Hour, Rise, hour_of, rise_objective, whole, worst_rises
from autonomy.policyproof.monotone import STORED as STORED_SHARE
from autonomy.policyproof.planted import Slit, planted
from autonomy.policyproof.region import Region
from autonomy.policyproof.replay import Played, Scene, load_of, play, recorded_load
from autonomy.policyproof.search import Effort, Found, Objective, Searched, search

EMPTY_MOST = 0.02
"""What the gate that empties batteries into the grid is asked to stay below."""
RISE_KW_SHARE = 0.01
"""Share of the batteries' power by which P may rise over all prices, or stored shares, and count as monotone."""
COARSE, REFINED = 5, 4
"""Points along each side of the grid in which all hours are tried, and how many hours get a finer one."""
SLIT_WIDTH = 5e-4
"""Half the width of the planted slit, as a share of the range of the net load and of the stored share."""
SLIT_PLACE = 0.618, 0.7312
SLIT_HEIGHT = 40.0
ATTAINED = 1e-4
"""Gap, before the logistic function, down to which branch and bound is split for the comparison."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Monotony:
    """Whether P falls along price or stored share.

    Attributes:
        tolerance_kw: kW by which P may rise over the whole range.
        steps: Which hours.
        mapped: What a search found of each hour.
        rises: (T,) kW, the largest rise met on a grid in each of all hours that were tried.
        worst: The largest of them.
        hour: Where.
        before: The simulator at its start.
        after: And at its end.
    """

    tolerance_kw: float
    steps: tuple[int, ...]
    mapped: tuple[Searched, ...]
    rises: Vector
    worst: Rise
    hour: Hour
    before: Played
    after: Played

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares proved, violated and unknown, of all hours mapped."""
        parts = [(one.proved, one.violated, one.unknown) for one in self.mapped]
        proved, violated, unknown = np.mean(parts, axis=0)
        return float(proved), float(violated), float(unknown)

    @property
    def is_refuted(self) -> bool:
        """Whether a rise beyond the tolerance was met."""
        return self.worst.by_kw > self.tolerance_kw


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Control:
    """What was found of a network with a hidden counterexample.

    Attributes:
        networks: The planted ones.
        slit: Where they differ.
        sampled: Largest gate that random inputs met.
        samples: How many they were.
        found: The search, which has to meet more than `EMPTY_MOST`.
        played: The simulator at the witness, the planted networks in charge.
        honest: The same, the deployed ones in charge.
    """

    networks: tuple[Network, ...]
    slit: Slit
    sampled: float
    samples: int
    found: Searched
    played: Played
    honest: Played


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Agreement:
    """Two tools, one question: the largest output of one network over one box, before the logistic function.

    Attributes:
        network: Its number.
        step: Whose tube the box is in the middle of.
        share: Of the tube's width.
        crown: Bound without a split.
        split: Branch and bound down to `ATTAINED`.
        optimum: OMLT and HiGHS.
    """

    network: int
    step: int
    share: float
    crown: float
    split: Searched
    optimum: Optimum

    @property
    def is_finished(self) -> bool:
        """Whether the second tool proved an optimum in time."""
        return self.optimum.is_optimal

    @property
    def is_agreed(self) -> bool:
        """Whether the optimum is below the bounds, and no lower than what was met."""
        off = 1e-6 * max(1.0, abs(self.optimum.value))
        return self.split.value - off <= self.optimum.value <= min(self.split.bound, self.crown) + off


def emptied(region: Region, steps: Sequence[int], effort: Effort) -> Searched:
    """Return how far the gate that empties batteries into the grid opens over the tubes around some hours."""
    return search(gate_objective(region.networks, EMPTY), region.tubes(steps), most=EMPTY_MOST, effort=effort)


def monotonies(
    region: Region,
    mapped: Sequence[int],
    tried: Sequence[int],
    prices: tuple[float, float],
    effort: Effort,
) -> tuple[Monotony, Monotony]:
    """Return whether P falls along price, and whether it falls along stored share.

    Args:
        region: Community, data and networks.
        mapped: Hours in which branch and bound maps the plane of price and stored share; the one with the largest rise
            is mapped as well.
        tried: Hours in which a coarse grid is tried, and a finer one where it rises most.
        prices: Currency/kWh, between which the price is free.
        effort: For each hour mapped.
    """
    rises = [worst_rises(hour_of(region, step, prices), COARSE) for step in tried]
    price, stored = (
        _monotony(
            region,
            along=along,
            mapped=mapped,
            tried=tried,
            rises=[pair[along] for pair in rises],
            prices=prices,
            effort=effort,
        )
        for along in (PRICE, STORED_SHARE)
    )
    return price, stored


def _monotony(
    region: Region,
    *,
    along: int,
    mapped: Sequence[int],
    tried: Sequence[int],
    rises: Sequence[Rise],
    prices: tuple[float, float],
    effort: Effort,
) -> Monotony:
    tolerance = RISE_KW_SHARE * float(region.community.charge_limit_kw.sum())
    met = np.array([rise.by_kw for rise in rises])
    finer = {int(k): worst_rises(hour_of(region, tried[k], prices))[along] for k in np.argsort(-met)[:REFINED]}
    top = max(finer, key=lambda k: finer[k].by_kw)
    hour, worst = hour_of(region, tried[top], prices), finer[top]
    met[list(finer)] = np.maximum(met[list(finer)], [rise.by_kw for rise in finer.values()])
    steps = list(mapped) if worst.by_kw <= tolerance or hour.step in mapped else [*mapped, hour.step]
    found = [
        search(rise_objective(hour_of(region, step, prices), along), whole(), most=tolerance, effort=effort)
        for step in steps
    ]
    load = recorded_load(region, hour.step)
    scenes = [
        Scene(step=hour.step, load_kw=load, stored=float(theta[1]), retail=hour.retail(float(theta[0])))
        for theta in (worst.start, worst.end)
    ]
    before, after = (play(region, scene) for scene in scenes)
    return Monotony(
        tolerance_kw=tolerance,
        steps=tuple(steps),
        mapped=tuple(found),
        rises=met,
        worst=worst,
        hour=hour,
        before=before,
        after=after,
    )


def controlled(region: Region, step: int, *, samples: int = 20_000, seed: int = 0, effort: Effort) -> Control:
    """Return what is found of a planted counterexample in the tube around an hour."""
    lower, upper = (float(side[0, LOAD]) for side in region.everything)
    slit = Slit(
        load=lower + SLIT_PLACE[0] * (upper - lower),
        stored=SLIT_PLACE[1],
        load_width=SLIT_WIDTH * (upper - lower),
        stored_width=SLIT_WIDTH,
        gate=EMPTY,
        height=SLIT_HEIGHT,
    )
    networks = tuple(planted(network, slit) for network in region.networks)
    box = region.tubes([step])
    random = np.random.default_rng(seed)
    points = random.uniform(box.lower[0], box.upper[0], size=(samples, INPUTS))
    sampled = Ensemble(networks, (EMPTY,))(points)
    found = search(gate_objective(networks, EMPTY), box, most=EMPTY_MOST, effort=effort)
    scene = Scene(step=step, load_kw=load_of(region, float(found.point[LOAD])), stored=float(found.point[STORED]))
    return Control(
        networks=networks,
        slit=slit,
        sampled=float(sampled.max()),
        samples=samples,
        found=found,
        played=play(region, scene, networks),
        honest=play(region, scene),
    )


def agreement(region: Region, number: int, step: int, share: float, *, limit_s: float = 60.0) -> Agreement:
    """Return what the two tools say of one network's gate that empties, around the middle of a tube.

    Args:
        region: Data and networks.
        number: Of the network.
        step: Whose tube.
        share: Of its width, 0..1.
        limit_s: s for each of them.
    """
    network, tube = region.networks[number], region.tubes([step])
    middle, half = 0.5 * (tube.lower + tube.upper), 0.5 * share * (tube.upper - tube.lower)
    inner, wide = box_of(network, Box(middle - half, middle + half)), (half > 0.0)
    centre = 0.5 * (inner.lower + inner.upper)
    box = Box(np.where(wide, inner.lower, centre), np.where(wide, inner.upper, centre))
    layered = unrolled(network).rows((EMPTY,))
    objective = output_objective(layered)
    effort = Effort(seconds=limit_s)
    return Agreement(
        network=number,
        step=step,
        share=share,
        crown=float(objective(box).most[0]),
        split=search(objective, box, gap=ATTAINED, effort=effort),
        optimum=maximise(layered, box, limit_s=limit_s),
    )


def output_objective(layered: Layered) -> Objective:
    """Return the one output of layers as a quantity over boxes of their inputs."""

    def objective(box: Box) -> Found:
        plane = plane_below(layered, bounds_of(layered, box).relaxations)
        least, slope = plane.least(box), -plane.slope.mid[:, 1]
        point = np.where(slope > 0.0, box.upper, box.lower)
        score = np.abs(slope) * (box.upper - box.lower)
        return Found(least[:, 0], -least[:, 1], point, layered(point)[:, 0], score)

    return objective
