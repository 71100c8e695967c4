"""One thing to be played: a policy on a week of a community, with a forecast."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from autonomy.forecasting import DEFAULT, KINDS, Perfect
from autonomy.layers.intent import POLICIES
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE

READS_NO_FORECAST = frozenset(POLICIES)
"""Rules that read the published prices at most, are the same with every forecast, and so are played with one."""
SEED = "{seed}"
"""In the path of a policy, what stands for the seed: a policy that was trained more than once, a file each."""
FILES = (".zip", ".py", ".npz", ".onnx")


class Execution(StrEnum):
    """What stands between a policy and the batteries."""

    SHIELDED = "shielded"
    """Projection and supervision: nothing is broken."""
    UNSHIELDED = "unshielded"
    """Nothing: the intent, within what each battery can do, is executed."""
    KNOWN = "known"
    """The perfect-foresight optimum, replayed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A case; equal cases give equal results but for times.

    Attributes:
        community: Name in `communities.COMMUNITIES`.
        week: Which held-out week of the year, 0 for the first.
        policy: Name or path of a policy, or "optimum"; `SEED` in it stands for the seed.
        forecast: Name of a forecast, "" for a policy that reads none.
        seed: Of the forecast, and of the training where the policy has one.
        execution: What stands between the policy and the batteries.
        hours: Hours of the week that are played, from its start.
    """

    community: str
    week: int
    policy: str
    forecast: str = ""
    seed: int = 0
    execution: Execution = Execution.SHIELDED
    hours: int = 168

    @property
    def played_policy(self) -> str:
        """Name or path of the policy that is played."""
        return self.policy.replace(SEED, str(self.seed))

    @property
    def key(self) -> str:
        """A name that no other case has; a policy in a file has the file's hash in it."""
        parts = (self.community, self.week, self.policy, self.forecast, self.seed, self.execution, self.hours)
        return "|".join([*map(str, parts), *_hashes(self.played_policy)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """Which cases.

    Attributes:
        policies: Names or paths; grid-only and the optimum are always played, for the share needs them.
        communities: Names.
        forecasts: Names.
        weeks: How many held-out weeks, from the first.
        seeds: How many seeds for a forecast that draws something, and for a policy with `SEED` in its path.
        hours: Hours of each week.
        unshielded: Whether policies are played without Layers 2 and 3 too.
    """

    policies: Sequence[str]
    communities: Sequence[str]
    forecasts: Sequence[str]
    weeks: int
    seeds: int = 1
    hours: int = 168
    unshielded: bool = True

    def cases(self) -> tuple[Case, ...]:
        """Return every case once; what the others are compared with comes first."""
        known = [
            case
            for community in self.communities
            for week in range(self.weeks)
            for case in (
                Case(community=community, week=week, policy=BASELINE, hours=self.hours),
                Case(community=community, week=week, policy=OPTIMUM, execution=Execution.KNOWN, hours=self.hours),
            )
        ]
        return tuple(dict.fromkeys([*known, *self._played()]))

    def _played(self) -> Iterator[Case]:
        executions = (Execution.SHIELDED, Execution.UNSHIELDED) if self.unshielded else (Execution.SHIELDED,)
        for community in self.communities:
            for policy in self.policies:
                for forecast in self._forecasts(policy):
                    for week in range(self.weeks):
                        for seed in range(self.seeds if draws(forecast) or SEED in policy else 1):
                            for execution in executions:
                                yield Case(
                                    community=community,
                                    week=week,
                                    policy=policy,
                                    forecast=forecast,
                                    seed=seed,
                                    execution=execution,
                                    hours=self.hours,
                                )

    def _forecasts(self, policy: str) -> Sequence[str]:
        """Return the forecasts of a policy; the split of its loss needs the perfect one beside any other."""
        if policy in READS_NO_FORECAST:
            return ("",)
        return tuple(dict.fromkeys([*self.forecasts, *([Perfect.name] if self.unshielded else [])]))


def draws(forecast: str) -> bool:
    """Whether a forecast is another for another seed."""
    return forecast != "" and KINDS[forecast](0) != KINDS[forecast](1)


def forecast_of(case: Case) -> str:
    """Return the name of the forecast that a case is played with."""
    return case.forecast or DEFAULT.name


def _hashes(policy: str) -> list[str]:
    path = Path(policy if policy.endswith(FILES) else policy.rpartition(":")[0])
    if path.suffix not in FILES or not path.is_file():
        return []
    return [hashlib.sha256(path.read_bytes()).hexdigest()[:16]]
