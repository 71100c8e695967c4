"""What the rows of a policy come to: its share, its split loss, what its safety costs, and who is on the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autonomy.benchmark.dispatch.case import Execution
from autonomy.benchmark.dispatch.row import NAN, DispatchRow
from autonomy.benchmark.dispatch.share import NONE, Interval, draws, interval, savings, shares
from autonomy.forecasting import Perfect
from autonomy.rollout import OPTIMUM

ALL = "all communities"


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A policy with a forecast in a community, over all weeks; the mean over seeds.

    Attributes:
        community: Name, or `ALL` for the mean of the shares.
        policy: Name.
        forecast: Name, "" for none.
        execution: What stood between.
        share: Of the achievable saving.
        over_rival: By how much the share is above the rival's, paired; NaN for the rival itself.
        cost: Currency.
        co2_kg: kg.
        peak_import_kw: Highest import of a week, the mean over weeks.
        shed_kwh: kWh.
        violations: Broken rules.
        unsafe_steps: Steps with one.
        worst_kw: Largest excess.
        steps: Steps played.
        latency_p50_s: Median of the weeks' medians.
        failures: Cases that did not run; they count as having saved nothing.
        cases: All of them.
        charged_s: Seconds of all.
        is_on_front: Whether no other policy of the community is as good in cost, CO2 and peak, and better in one.
    """

    community: str
    policy: str
    forecast: str
    execution: str
    share: Interval
    over_rival: Interval
    cost: float
    co2_kg: float
    peak_import_kw: float
    shed_kwh: float
    violations: int
    unsafe_steps: int
    worst_kw: float
    steps: int
    latency_p50_s: float
    failures: int
    cases: int
    charged_s: float
    is_on_front: bool = False

    @property
    def name(self) -> str:
        """Policy and forecast."""
        return f"{self.policy}, {self.forecast}" if self.forecast else self.policy


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What a policy costs above the optimum, currency over all weeks, one part swapped for its ideal at a time.

    total = market + forecast + projection + policy

    Attributes:
        community: Name.
        policy: Name.
        forecast: Name.
        total: cost − optimum.
        market: cost − the same set-points with everything matched that is offered at home.
        forecast_part: The latter − the same with the perfect forecast.
        projection: The latter − the same without Layers 2 and 3; negative where unsafe set-points cost more.
        policy_part: The latter − optimum; negative where what is unsafe is cheaper than what is allowed.
    """

    community: str
    policy: str
    forecast: str
    total: float
    market: float
    forecast_part: float
    projection: float
    policy_part: float


def summaries(rows: Sequence[DispatchRow], rival: str) -> list[Summary]:
    """Return a summary for each community, policy, forecast and execution, and for all communities where several are.

    Args:
        rows: Compared rows.
        rival: The policy that others are compared with, with the same forecast where it reads one.
    """
    names = list(dict.fromkeys(row.community for row in rows))
    groups = [[name] for name in names] + ([names] if len(names) > 1 else [])
    return [one for group in groups for one in _of_group(rows, group, rival)]


def losses(rows: Sequence[DispatchRow]) -> list[Loss]:
    """Return the split loss of every policy that was played with the perfect forecast and without its shield too."""
    found = []
    ran = [row for row in rows if row.ran]
    for community, policy, forecast in dict.fromkeys((row.community, row.policy, row.forecast) for row in rows):
        mine = [row for row in ran if (row.community, row.policy) == (community, policy)]
        best = {row.week: row.cost for row in ran if (row.community, row.policy) == (community, OPTIMUM)}
        ideal = Perfect.name if forecast else ""
        here = _by_week(mine, forecast, Execution.SHIELDED)
        perfect = _by_week(mine, ideal, Execution.SHIELDED)
        bare = _by_week(mine, ideal, Execution.UNSHIELDED)
        weeks = sorted(set(here) & set(perfect) & set(bare) & set(best))
        if not weeks:
            continue
        cost, matched = (sum(here[week][part] for week in weeks) for part in (0, 1))
        known, free = sum(perfect[week][1] for week in weeks), sum(bare[week][1] for week in weeks)
        least = sum(best[week] for week in weeks)
        found.append(
            Loss(
                community=community,
                policy=policy,
                forecast=forecast,
                total=cost - least,
                market=cost - matched,
                forecast_part=matched - known,
                projection=known - free,
                policy_part=free - least,
            )
        )
    return found


def _by_week(rows: Sequence[DispatchRow], forecast: str, execution: Execution) -> dict[int, tuple[float, float]]:
    """Return (cost, matched cost) by week, the mean over seeds."""
    mine = [row for row in rows if row.forecast == forecast and row.execution == execution]
    weeks: dict[int, list[DispatchRow]] = {}
    for row in mine:
        weeks.setdefault(row.week, []).append(row)
    return {
        week: (sum(row.cost for row in same) / len(same), sum(row.matched_cost for row in same) / len(same))
        for week, same in weeks.items()
    }


def _of_group(rows: Sequence[DispatchRow], communities: list[str], rival: str) -> list[Summary]:
    mine = [row for row in rows if row.community in communities]
    weeks = sorted({row.week for row in mine})
    drawn = draws(len(weeks), 1 + max(row.seed for row in mine))
    kinds = dict.fromkeys((row.policy, row.forecast, row.execution) for row in mine)
    of_kind = {kind: [row for row in mine if (row.policy, row.forecast, row.execution) == kind] for kind in kinds}
    rivals = {
        forecast: savings(same, communities, weeks)
        for (policy, forecast, execution), same in of_kind.items()
        if (policy, execution) == (rival, Execution.SHIELDED)
    }
    found = []
    for kind, same in of_kind.items():
        saved = savings(same, communities, weeks)
        share, shares_drawn = float(shares(*saved)[0]), shares(*saved, *drawn)
        over = NONE
        rival_saved = rivals.get("", rivals.get(kind[1]))
        if rival_saved is not None and kind[0] != rival:
            difference = shares_drawn - shares(*rival_saved, *drawn)
            over = interval(share - float(shares(*rival_saved)[0]), difference)
        found.append(_summary(communities, kind, same, interval(share, shares_drawn), over))
    return _with_front(found)


def _summary(
    communities: list[str], kind: tuple[str, str, str], rows: Sequence[DispatchRow], share: Interval, over: Interval
) -> Summary:
    ran = [row for row in rows if row.ran]
    per_seed = 1.0 / len({row.seed for row in rows})
    medians = sorted(row.latency_p50_s for row in ran if row.latency_p50_s == row.latency_p50_s)
    policy, forecast, execution = kind
    return Summary(
        community=communities[0] if len(communities) == 1 else ALL,
        policy=policy,
        forecast=forecast,
        execution=execution,
        share=share,
        over_rival=over,
        cost=per_seed * sum(row.cost if row.ran else row.grid_only_cost for row in rows),
        co2_kg=per_seed * sum(row.co2_kg for row in ran),
        peak_import_kw=sum(row.peak_import_kw for row in ran) / len(ran) if ran else NAN,
        shed_kwh=per_seed * sum(row.shed_kwh for row in ran),
        violations=sum(row.violations for row in ran),
        unsafe_steps=sum(row.unsafe_steps for row in ran),
        worst_kw=max((row.worst_kw for row in ran), default=NAN),
        steps=sum(row.steps for row in ran),
        latency_p50_s=medians[len(medians) // 2] if medians else NAN,
        failures=len(rows) - len(ran),
        cases=len(rows),
        charged_s=sum(row.charged_s for row in rows),
    )


def _with_front(group: list[Summary]) -> list[Summary]:
    """Mark who is on the front of those that broke nothing and failed nowhere; without a shield nobody is safe."""
    shielded = [one for one in group if one.execution != Execution.UNSHIELDED]
    safe = [one for one in shielded if not one.violations and not one.failures]
    return [replace(one, is_on_front=one in safe and not any(_beats(other, one) for other in safe)) for one in group]


def _beats(one: Summary, other: Summary) -> bool:
    mine, others = _aims(one), _aims(other)
    return all(x <= y for x, y in zip(mine, others, strict=True)) and mine != others


def _aims(one: Summary) -> tuple[float, float, float]:
    """Return cost, CO2 and peak to a thousandth: nobody is on the front by the last digits of a float."""
    return round(one.cost, 3), round(one.co2_kg, 3), round(one.peak_import_kw, 3)
