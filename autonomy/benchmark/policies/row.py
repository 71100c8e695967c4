"""One line of the results: a policy with a forecast, over some weeks."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "autonomy-benchmark-policies/1"
NO_FORECAST = "–"
"""Stands for the forecast of a rule that looks at none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyRow:
    """How a policy fared.

    Attributes:
        policy: Its name or path.
        forecast: The forecast's name, or `NO_FORECAST`.
        weeks: "held-out" or "training".
        n_weeks: Number of weeks.
        cost: Currency, over all weeks.
        share: (grid-only cost − cost)/(grid-only cost − optimum), of the sums over all weeks.
        share_low: 2.5 % quantile of that share over weeks drawn with replacement.
        share_high: 97.5 % quantile.
        policy_p50_s: s, median time of a call of the policy.
        policy_p99_s: s, 99 % quantile.
        step_p50_s: s, median time of a controller's step, the policy's call included.
        gain: Currency a week that it costs less than the yardstick with the same forecast; NaN without one.
        gain_low: 2.5 % quantile of that mean over weeks drawn with replacement, each with its own yardstick.
        gain_high: 97.5 % quantile.
        weeks_better: In how many weeks it cost less.
        violations: Safety rules that were broken.
    """

    policy: str
    forecast: str
    weeks: str
    n_weeks: int
    cost: float
    share: float
    share_low: float
    share_high: float
    policy_p50_s: float
    policy_p99_s: float
    step_p50_s: float
    gain: float
    gain_low: float
    gain_high: float
    weeks_better: int
    violations: int
