"""Windows of data played as episodes by B communities: what every learning interface is a face of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autonomy.assets import Assets, Timeline
from autonomy.economics import Economics
from autonomy.environments.mixes import named_mix, with_cars
from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.observing import Flat, physical_rows
from autonomy.scenario import DAYS_PER_WEEK, Scenario
from autonomy.simulation import BatchOutcome, BatchSimulator
from autonomy.simulation.observations import ObservationTable


class Episodes:
    """B communities, each in an episode of its own.

    Args:
        community: What is controlled; the demo community when not given.
        scenario: The data; every episode is one of its windows. The demo's training weeks when not given, so that no
            held-out week is ever seen.
        assets: EVs, wind, outages and derating; or the name of a mix from `autonomy.environments.mixes`, whose cars
            take the place of their homes' batteries.
        timeline: What changes in each step of the whole series, where no assets say it.
        economics: Prices that are not tariffs, and the reward's weights.
        episode_steps: Steps of an episode; a week, or what the data has of one, when not given.
        initial_soc: Fraction the batteries start with, or None for a random one in each episode.
        backend: Projection backend.
        batch: B.
        explained: Whether every decision has its mode and reasons.

    Raises:
        ModelError: the data is not the community's or shorter than an episode, `initial_soc` is not in 0..1, or assets
            do not fit the community or come with a timeline.
    """

    def __init__(  # noqa: PLR0913 - all by keyword, each a choice of its own
        self,
        *,
        community: Community | None = None,
        scenario: Scenario | None = None,
        assets: Assets | str | None = None,
        timeline: Timeline | None = None,
        economics: Economics | None = None,
        episode_steps: int | None = None,
        initial_soc: float | None = None,
        backend: str = "exact",
        batch: int = 1,
        explained: bool = False,
    ) -> None:
        if initial_soc is not None and not 0.0 <= initial_soc <= 1.0:
            raise ModelError("initial_soc", initial_soc, "a fraction in 0..1, or None")
        if assets is not None and timeline is not None:
            raise ModelError("timeline", "a timeline", "None where there are assets, which make one of their own")
        self.initial_soc = initial_soc
        self.community, self.windows = community or Community.demo(), windows_of(scenario, episode_steps)
        if assets is not None:
            self.community, self.windows, timeline = furnished(self.community, self.windows, assets)
        self.simulator = BatchSimulator(
            self.community,
            self.windows,
            batch=batch,
            economics=economics,
            timeline=timeline,
            backend=backend,
            explained=explained,
        )
        first = self.windows[0]
        self.table = ObservationTable(self.community, first.series, first.forecast_kind, self.simulator.world)

    @property
    def economics(self) -> Economics:
        """Prices that are not tariffs, and the reward's weights."""
        return self.simulator.economics

    @property
    def steps_per_day(self) -> int:
        """The forecasts' horizon H."""
        return self.table.horizon

    def begin(self, random: np.random.Generator, *, rows: Index | None = None, window: int | None = None) -> None:
        """Begin episodes.

        Args:
            random: Draws the windows and the states of charge.
            rows: (R,) in which communities; None for all.
            window: Number of the window; None to draw one for each community.

        Raises:
            ModelError: there is no such window.
        """
        count, community = self.simulator.batch if rows is None else rows.size, self.community
        if window is None:
            chosen = random.integers(len(self.windows), size=count)
        elif not 0 <= window < len(self.windows):
            raise ModelError("window", window, f"0..{len(self.windows) - 1}")
        else:
            chosen = np.full(count, window)
        shape = (count, community.n_prosumers)
        span = community.soc_max - community.soc_min
        given = self.initial_soc
        soc = community.soc_min + span * random.uniform(size=shape) if given is None else np.full(shape, given)
        simulator = self.simulator
        if rows is not None:  # the outcome of the step before keeps its arrays
            simulator.energy_kwh, simulator.battery_kw = simulator.energy_kwh.copy(), simulator.battery_kw.copy()
        simulator.reset(chosen, soc, rows)

    def observe(self) -> Flat:
        """Return (B, D) the communities' observations."""
        return self.table.communities(self.simulator.row, self.simulator.soc, self._floor_kw)

    def observe_each(self) -> Flat:
        """Return (B, N, D) the prosumers' observations."""
        return self.table.prosumers(self.simulator.row, self.simulator.soc, self._floor_kw)

    def act(self, intent: Vector) -> BatchOutcome:
        """Play a step with intents, (B, N, 3) battery kW, trade kW, price bid."""
        return self.simulator.step(intent)

    def physical(self, action: Vector) -> Vector:
        """Return actions in [−1, 1], (B, N, 3), as the intents that they mean at the present step."""
        series, row = self.windows[0].series, self.simulator.row
        return physical_rows(
            self.community,
            action,
            demand_kw=series.demand_kw[row],
            pv_kw=series.pv_kw[row],
            retail_price=series.retail_price[row][:, None],
            feed_in_price=series.feed_in_price[row][:, None],
        )

    @property
    def _floor_kw(self) -> Vector | None:
        return self.simulator.world.floor_kw(self.simulator.row, self.simulator.energy_kwh)


def furnished(
    community: Community, windows: tuple[Scenario, ...], assets: Assets | str
) -> tuple[Community, tuple[Scenario, ...], Timeline | None]:
    """Return community and windows with their assets, and what those change in each step of the whole series.

    Raises:
        ModelError: there is no such mix, an asset is nobody's, or a car's battery cannot be what it is described as.
    """
    if isinstance(assets, str):
        assets = named_mix(assets)
        community = with_cars(community, assets)
    equipped, series = assets.equip(community), windows[0].series
    if series.names != equipped.names:
        raise ModelError("scenario.names", series.names, f"the community's names {equipped.names}")
    supplied = assets.supply(series)
    moved = tuple(replace(window, series=supplied) for window in windows)
    return equipped, moved, assets.timeline(equipped, supplied)


def windows_of(scenario: Scenario | None, episode_steps: int | None) -> tuple[Scenario, ...]:
    """Return the windows that episodes are drawn from.

    Args:
        scenario: The data; the demo's training weeks when not given.
        episode_steps: Steps of a window; a week, or what the data has of one, when not given.

    Raises:
        ModelError: the data is shorter than an episode.
    """
    parts: Sequence[Scenario] = tuple(Scenario.demo().training_weeks()) if scenario is None else (scenario,)
    longest = parts[0].n_steps
    week = parts[0].series.steps_per_day * DAYS_PER_WEEK
    steps = min(week, longest) if episode_steps is None else episode_steps
    if not 1 <= steps <= longest:
        raise ModelError("episode_steps", steps, f"1..{longest} steps")
    return tuple(window for part in parts for window in part.windows(steps))
