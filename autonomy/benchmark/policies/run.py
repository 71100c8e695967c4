"""Running every policy with every forecast over the same weeks, beside grid-only and the optimum."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonomy.benchmark.clock import clock_overhead_s
from autonomy.benchmark.policies.row import NO_FORECAST, PolicyRow
from autonomy.configuration import Configuration
from autonomy.controller import Controller
from autonomy.dispatch import optimal_dispatch
from autonomy.forecasting import ForecastKind
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.intent import POLICIES, Policy
from autonomy.layers.observation import Observation
from autonomy.policies import load_policy, with_economics
from autonomy.rollout import replay, roll_out
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator

BASELINE, YARDSTICK = "grid-only", "mpc"
DRAWS = 10_000
"""Sets of weeks that are drawn for an interval."""
TAILS = (0.025, 0.975)

Progress = Callable[[str], None]


@dataclass(slots=True)
class Timed:
    """A policy whose calls are timed.

    Attributes:
        policy: Who is asked.
        seconds: s of every call so far.
    """

    policy: Policy
    seconds: list[float] = field(default_factory=list)

    def __call__(self, community: Community, observation: Observation) -> Any:
        """Ask the policy."""
        started = time.perf_counter()
        answer = self.policy(community, observation)
        self.seconds.append(time.perf_counter() - started)
        return answer


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Fared:
    """What a policy did in W weeks.

    Attributes:
        cost: (W,) currency.
        policy_s: (steps,) s of each call of the policy, without the clock's own time.
        step_s: (steps,) s of each step of the controller, likewise.
        violations: Safety rules that were broken.
    """

    cost: Vector
    policy_s: Vector
    step_s: Vector
    violations: int


def measure(
    configuration: Configuration,
    weeks: Sequence[Scenario],
    *,
    kind_of_weeks: str,
    policies: Sequence[str],
    forecasts: Sequence[ForecastKind],
    progress: Progress = lambda _: None,
) -> Iterator[PolicyRow]:
    """Yield a row for each policy and forecast; rules, which look at prices alone, have one.

    Args:
        configuration: Community and prices.
        weeks: What is played, at least one.
        kind_of_weeks: What they are called.
        policies: Names or paths.
        forecasts: At least one.
        progress: Told what comes next.

    Raises:
        ConfigError: a policy is unknown.
        DispatchError: a week has no optimum.
    """
    for policy in policies:
        load_policy(policy)  # a wrong name costs no minutes
    progress("optimum")
    baseline = play(configuration, weeks, BASELINE).cost
    achievable = baseline - optima(configuration, weeks)
    yardsticks: dict[str, Vector] = {}
    rows: dict[tuple[str, str], PolicyRow] = {}
    for policy in sorted(policies, key=lambda name: name != YARDSTICK):  # the yardstick first
        for kind in forecasts[:1] if policy in POLICIES else forecasts:
            progress(f"{policy}, {kind.name}")
            fared = play(configuration, [week.with_forecast(kind) for week in weeks], policy)
            forecast = NO_FORECAST if policy in POLICIES else kind.name
            if policy == YARDSTICK:
                yardsticks[forecast] = fared.cost
            saved = baseline - fared.cost
            rows[policy, forecast] = _row(
                fared,
                policy=policy,
                forecast=forecast,
                kind_of_weeks=kind_of_weeks,
                saved=saved,
                achievable=achievable,
                yardstick=yardsticks.get(forecast),
            )
    yield from (rows[key] for key in sorted(rows, key=lambda key: policies.index(key[0])))


def play(configuration: Configuration, weeks: Sequence[Scenario], policy: str) -> Fared:
    """Return what a policy did."""
    timed = Timed(with_economics(load_policy(policy), configuration.economics))
    controller = Controller(configuration.community, policy=timed)
    runs = [
        roll_out(Simulator(configuration.community, week, economics=configuration.economics), controller, name=policy)
        for week in weeks
    ]
    reading = clock_overhead_s()
    return Fared(
        cost=np.array([run.cost for run in runs]),
        policy_s=np.maximum(np.array(timed.seconds) - reading, 0.0),
        step_s=np.maximum(np.concatenate([run.latency_s for run in runs]) - reading, 0.0),
        violations=sum(len(run.violations) for run in runs),
    )


def optima(configuration: Configuration, weeks: Sequence[Scenario]) -> Vector:
    """Return (W,) currency, what the perfect-foresight optimum of each week costs when it is replayed."""
    found = []
    for week in weeks:
        simulator = Simulator(configuration.community, week, economics=configuration.economics)
        dispatch = optimal_dispatch(
            configuration.community, week, economics=configuration.economics, energy_kwh=simulator.energy_kwh
        )
        found.append(replay(simulator, dispatch).cost)
    return np.array(found)


def _row(
    fared: Fared,
    *,
    policy: str,
    forecast: str,
    kind_of_weeks: str,
    saved: Vector,
    achievable: Vector,
    yardstick: Vector | None,
) -> PolicyRow:
    drawn = np.random.default_rng(0).integers(0, saved.size, (DRAWS, saved.size))
    share_low, share_high = np.quantile(saved[drawn].sum(axis=1) / achievable[drawn].sum(axis=1), TAILS).tolist()
    gain = np.full(saved.size, np.nan)
    if policy != YARDSTICK and yardstick is not None:
        gain = yardstick - fared.cost
    gain_low, gain_high = np.quantile(gain[drawn].mean(axis=1), TAILS).tolist()
    return PolicyRow(
        policy=policy,
        forecast=forecast,
        weeks=kind_of_weeks,
        n_weeks=saved.size,
        cost=float(fared.cost.sum()),
        share=float(saved.sum() / achievable.sum()),
        share_low=share_low,
        share_high=share_high,
        policy_p50_s=float(np.quantile(fared.policy_s, 0.5)),
        policy_p99_s=float(np.quantile(fared.policy_s, 0.99)),
        step_p50_s=float(np.quantile(fared.step_s, 0.5)),
        gain=float(gain.mean()),
        gain_low=gain_low,
        gain_high=gain_high,
        weeks_better=int((gain > 0).sum()),
        violations=fared.violations,
    )
