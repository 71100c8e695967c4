"""How far Layer 2 can have to move what the policy wants: a bound over the operating domain, and a worst case met.

For one feeder, without ramps, behind connections that never bind. With S the surplus Σ (g − d), the sum of the intents
has to lie in [S − Lexp, S + Limp]. Whatever the gates say, by the formulas of `autonomy.learning.gates`,

    fill_i >= max(match_i, 0),  empty_i <= min(match_i, 0),  weights (1−c)(1−d)u + c(1−d) + d(1−c) <= 1
    so   Σ empty <= Σ b̂ <= Σ fill,   Σ fill <= max(S + Limp, 0),   Σ empty >= −max(Lexp − S, 0)

and every b̂_i is within what its battery can do. So nothing is moved unless S < −Limp, where the sum has to fall by at
most −S − Limp, or S > Lexp, where it has to rise by at most S − Lexp, and by no more than the batteries can give or
take, and by the few milliwatts that the projection keeps free for rounding. All move the same way, so this is
Σ |b − b̂| as well; and the Euclidean distance is at most √(moved·most), `most` what the largest battery can move, and
at most what is moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.projection.program import MARGIN_KW
from autonomy.learning.views import battery_of, feeder_kw
from autonomy.policyproof.region import Region
from autonomy.policyproof.replay import Played, Scene, play
from autonomy.worstcase import Domain


@dataclass(frozen=True, kw_only=True, slots=True)
class Most:
    """The bound.

    Attributes:
        by_import_kw: kW, most by which the domain's load exceeds what the feeder brings; 0 for never.
        by_export_kw: kW, most by which its generation exceeds what the feeder takes; 0 for never.
        power_kw: kW that all batteries together can give or take, the larger.
        one_kw: kW of the largest battery.
    """

    by_import_kw: float
    by_export_kw: float
    power_kw: float
    one_kw: float

    @property
    def moved_kw(self) -> float:
        """The most that all intents together are moved, kW."""
        return min(max(self.by_import_kw, self.by_export_kw), self.power_kw)

    @property
    def distance_kw(self) -> float:
        """The largest `Decision.intervention_kw`, kW."""
        return min(float(np.sqrt(self.moved_kw * self.one_kw)), self.moved_kw)


def most_intervention(community: Community, domain: Domain) -> Most | None:
    """Return the bound over a domain; None where a ramp, a connection or a second line could ask for more."""
    battery, (imports, exports) = battery_of(community), feeder_kw(community)
    connection = community.connection_limit_kw
    demand, generation = domain.demand_upper_kw, _generation(domain)
    binds = (demand + battery.charge_limit_kw > connection) | (generation + battery.discharge_limit_kw > connection)
    if community.network.n_lines != 1 or np.isfinite(community.ramp_limit_kw).any() or binds.any():
        return None
    peaks, sun = float(demand.sum()), float(domain.sun_upper)
    load = float(domain.coincidence[0]) * peaks
    surplus = min(sun * float(domain.pv_peak_kw.sum()), float(generation.sum()))
    least = max(float(domain.base[0]) * peaks, float(domain.demand_lower_kw.sum()))
    free = MARGIN_KW * community.n_prosumers
    charge, discharge = float(battery.charge_limit_kw.sum()), float(battery.discharge_limit_kw.sum())
    return Most(
        by_import_kw=max(load - imports + free, 0.0),
        by_export_kw=max(surplus - least - exports + free, 0.0),
        power_kw=max(charge, discharge),
        one_kw=float(np.maximum(battery.charge_limit_kw, battery.discharge_limit_kw).max(initial=0.0)),
    )


def worst_met(region: Region, domain: Domain, steps: Sequence[int], shares: tuple[float, ...]) -> tuple[Scene, Played]:
    """Return the scene with the most that is moved among hours at the domain's peaks of load and of generation.

    Args:
        region: Community, data and networks.
        domain: Whose peaks.
        steps: Hours whose forecasts are tried.
        shares: Stored shares that are tried, all batteries alike full.
    """
    peaks = domain.demand_upper_kw
    load = peaks * float(domain.coincidence[0])
    sun = _generation(domain)
    sun = sun * min(1.0, float(domain.sun_upper) * float(domain.pv_peak_kw.sum()) / max(float(sun.sum()), 1e-12))
    least = peaks * max(float(domain.base[0]), float(domain.demand_lower_kw.sum()) / max(float(peaks.sum()), 1e-12))
    scenes = [
        Scene(step=step, load_kw=net, stored=share) for step in steps for share in shares for net in (load, least - sun)
    ]
    played = [play(region, scene) for scene in scenes]
    best = max(range(len(scenes)), key=lambda k: moved_kw(played[k]))
    return scenes[best], played[best]


def moved_kw(played: Played) -> float:
    """Return Σ |b − b̂|, kW."""
    return float(np.abs(played.battery_kw - played.intent_kw).sum())


def _generation(domain: Domain) -> Vector:
    most: Vector = np.minimum(float(domain.sun_upper) * (1.0 + domain.pv_spread), 1.0) * domain.pv_peak_kw
    return most
