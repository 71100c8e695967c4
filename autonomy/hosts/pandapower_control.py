"""A controller inside pandapower's own loop, `pandapower.timeseries.run_timeseries`. Run with pandapower 3.5.6.

    control = CommunityControl(net, Controller(community, policy=…))
    run_timeseries(net, time_steps=range(96))
    control.steps                           what was observed, decided and metered

| pandapower calls | ConstControl | CommunityControl |
|---|---|---|
| `time_step` of every controller | writes the step's profiles | begins a run in its first step |
| `initialize_control` of every controller | | reads the tables, decides, writes set-points |
| the power flow, levels one by one, OutputWriter | | |
| `finalize_step` of every controller | | integrates what was stored, records, puts the tables back |

So it waits for everything that writes in `time_step`, at whatever level and order. What is written after its decision
and before the end of the step is found there and refused: the decision was made without it.

A run is one call of `run_timeseries`: it begins at `initial_soc`, with a controller that remembers nothing. Time steps
are whole numbers or time stamps, ascending, and each stands for `timestep_h` hours. Where some are left out, batteries
hold what they held, nothing measured before the gap is compared with what comes after it, and `gaps` lists where.
OutputWriter sees what was served, and `storage.soc_percent` at the start of the step.
"""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from autonomy.controller import Controller
from autonomy.hosts import pandapower_tables as tables
from autonomy.hosts.host import Capabilities
from autonomy.hosts.pandapower_net import require_profiles
from autonomy.hosts.pandapower_tables import ACCURACY, INITIAL_SOC, Metered, Tables, Uncut
from autonomy.hosts.play import Bare, HostStep
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Limits, Observation

__all__ = ["ACCURACY", "Hooks"]  # and CommunityControl, which is made on first use

STEP_ERROR = 1e-6
"""Steps by which the time between two time stamps may be off a whole number."""


class _Open(NamedTuple):
    """A step that has been decided and not yet been solved.

    Attributes:
        uncut: What profiles ask.
        observation: What was known.
        decision: What was decided.
        found: What stood in the tables.
        written: What stands in them now.
        powers: The same after scaling, MW.
        began_s: Seconds of the clock when the tables were read.
        decided_s: Seconds of the clock when they were written.
    """

    uncut: Uncut
    observation: Observation
    decision: Decision
    found: dict[str, Vector]
    written: dict[str, Vector]
    powers: dict[str, Vector]
    began_s: float
    decided_s: float


class Hooks:
    """What pandapower calls in each time step; `CommunityControl` is this and pandapower's base class.

    Attributes:
        controller: Who decides; may be exchanged between two runs.
        initial_soc: State of charge at which a run begins, as far as the batteries' band allows.
        steps: The steps of the last run, for `check_steps(control, control.steps)` and `tally`.
        gaps: Time steps of the last run before which some were left out.
    """

    capabilities = Capabilities(curtail=True, shed=True)

    def __init__(self, net: Any, controller: Controller | Bare, *, prices: tuple[float, float], start: Any) -> None:
        self.controller = controller
        self.steps: list[HostStep] = []
        self.gaps: list[Any] = []
        self._prices, self._start = prices, None if start is None else np.datetime64(start)
        if not len(net.storage):
            tables.add_storages(net, self.community)
        self._tables = self._tables_of(net)
        percent = net.storage.soc_percent.to_numpy(dtype=np.float64)
        self.initial_soc: float | Vector = np.where(np.isfinite(percent), percent / 100.0, INITIAL_SOC)
        self._energy_kwh = self._tables.start_kwh(self.initial_soc)
        self._label: Any = None
        self._before: Metered | None = None
        self._is_due = False
        self._open: _Open | None = None

    @property
    def community(self) -> Community:
        """What is controlled."""
        return self.controller.community

    @property
    def decisions(self) -> list[Decision]:
        """The decisions of the last run, each with its mode and reasons."""
        return [step.decision for step in self.steps]

    def time_step(self, net: Any, time: Any) -> None:
        """Note which step it is; the profiles may not have been written yet."""
        if "controller" not in vars(self):
            raise ModelError("CommunityControl", "one that was read from a file", "a new one, with its controller")
        if self._open is not None:  # the power flow of the step before raised, and nobody came here after it
            tables.put_back(net, self._open.found, self._open.written)
            self._open = None
        announced = _announced(net)
        if time == announced[0]:
            self._begin(net, announced)
        elif self._before is not None and not _steps_between(self._label, time, self._hours) <= 1 + STEP_ERROR:
            self.gaps.append(time)
            self._forget()
        self._label, self._is_due = time, True

    def initialize_control(self, net: Any) -> None:
        """Decide, now that every profile of the step has been written; outside a time series do nothing."""
        if not self._is_due:
            return
        began, self._is_due = clock.perf_counter(), False
        found, uncut = tables.columns(net), self._read(net)
        observation = self._observation(net, uncut)
        decide = self.controller.step if isinstance(self.controller, Controller) else self.controller
        decision = decide(observation)
        tables.write(net, self._tables.set_points(decision, uncut))
        if self.steps and self._before is not None:
            self.steps[-1] = replace(self.steps[-1], after=observation)
        self._open = _Open(
            uncut=uncut,
            observation=observation,
            decision=decision,
            found=found,
            written=tables.columns(net),
            powers=tables.read(net),
            began_s=began,
            decided_s=clock.perf_counter(),
        )

    def is_converged(self, net: Any) -> bool:  # noqa: ARG002 - pandapower's form
        """Return True: what is decided is decided before the first power flow."""
        return True

    def finalize_step(self, net: Any, time: Any) -> None:  # noqa: ARG002 - pandapower's form
        """Integrate what was stored, record the step, and put the tables back as they were found."""
        if self._open is None:
            return
        step, solved = self._open, clock.perf_counter()
        self._require_unchanged(net, step)
        is_solved = bool(net.converged)
        # Without a power flow nothing is metered, and a storage, which is a set-point, has done what it was told.
        done = tables.metered(net) if is_solved else Metered(step.powers["storage_mw"], None)
        self._energy_kwh = self._tables.energy_after_kwh(self._energy_kwh, done)
        self._before, self._open = done, None
        net.storage["soc_percent"] = self._tables.soc_percent(self._energy_kwh)
        tables.put_back(net, step.found, step.written)
        self.steps.append(
            HostStep(
                observation=step.observation,
                decision=step.decision,
                after=self._observation(net, step.uncut),
                flows=None,
                excess_kw=tables.excess_kw(net) if is_solved else np.nan,
                decide_s=step.decided_s - step.began_s,
                host_s=solved - step.decided_s,
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what pandapower writes to a file: that there was such a control, not its controller."""
        return {"index": vars(self)["index"], "matching_params": {}}

    @property
    def _hours(self) -> float:
        return self.community.timestep_h

    def _tables_of(self, net: Any) -> Tables:
        return Tables(net, self.community, retail_price=self._prices[0], feed_in_price=self._prices[1])

    def _begin(self, net: Any, time_steps: Sequence[Any]) -> None:
        for step, following in pairwise(time_steps):
            if not _steps_between(step, following, self._hours) >= 1 - STEP_ERROR:
                raise ModelError("time_steps", f"{step}, {following}", f"ascending steps of {self._hours} h")
        require_profiles(net, time_steps)
        self._tables = self._tables_of(net)
        self._energy_kwh = self._tables.start_kwh(self.initial_soc)
        net.storage["soc_percent"] = self._tables.soc_percent(self._energy_kwh)
        self.steps, self.gaps = [], []
        self._forget()

    def _forget(self) -> None:
        self._before = None
        if isinstance(self.controller, Controller):
            self.controller.reset()

    def _read(self, net: Any) -> Uncut:
        now = tables.read(net)
        uncut = Uncut(now["load_mw"], now["load_mvar"], now["plant_mw"])
        for name, value in uncut._asdict().items():
            is_good = np.isfinite(value) & ((value >= 0) | (name == "load_mvar"))
            if not is_good.all():
                table, column = tables.COLUMNS[name]
                row = net[table].index[int(np.argmin(is_good))]
                expected = f"{'Mvar' if name == 'load_mvar' else 'MW >= 0'} in time step {self._label}"
                raise ModelError(f"net.{table}.{column}[{row}]", float(value[np.argmin(is_good)]), expected)
        return uncut

    def _observation(self, net: Any, uncut: Uncut) -> Observation:
        observation = self._tables.observation(self._energy_kwh, uncut, self._before, self._time())
        there = net.storage.in_service.to_numpy(dtype=bool)
        return observation if there.all() else replace(observation, limits=Limits(active=there))

    def _time(self) -> Any:
        if not isinstance(self._label, Integral):
            return np.datetime64(self._label)
        if self._start is None:
            return None
        return self._start + int(self._label) * np.timedelta64(round(3600e3 * self._hours), "ms")

    def _require_unchanged(self, net: Any, step: _Open) -> None:
        for name, now in tables.read(net).items():
            was = step.powers[name]
            changed = ~((now == was) | (np.isnan(now) & np.isnan(was)))
            if changed.any():
                table, column = tables.COLUMNS[name]
                row = net[table].index[int(np.argmax(changed))]
                value = f"{now[changed][0]:.6g} after scaling at the end of time step {self._label}"
                others = sorted({str(control) for control in net.controller.object if control is not self})
                expected = (
                    f"{was[changed][0]:.6g}, as was decided; one of {', '.join(others)} wrote after the decision, "
                    "and has to write in its time_step"
                )
                raise ModelError(f"net.{table}.{column}[{row}]", value, expected)


def _announced(net: Any) -> Sequence[Any]:
    """Return the time steps of this run; `run_timeseries` tells its OutputWriter."""
    if "output_writer" not in net or not len(net.output_writer):
        raise ModelError("net.output_writer", None, "an OutputWriter, as pandapower.timeseries.run_timeseries has it")
    time_steps: Sequence[Any] = net.output_writer.iat[0, 0].time_steps
    return time_steps


def _steps_between(earlier: Any, later: Any, timestep_h: float) -> float:
    if isinstance(earlier, Integral) and isinstance(later, Integral):
        return float(int(later) - int(earlier))
    try:
        passed: Any = np.datetime64(later) - np.datetime64(earlier)
    except ValueError:
        raise ModelError("time_steps", f"{earlier}, {later}", "whole numbers, or time stamps") from None
    return float(passed / np.timedelta64(1, "s")) / (3600.0 * timestep_h)


@cache
def _control() -> Any:
    """Return the class; pandapower's own base class is loaded when it is asked for."""
    base: Any = tables.load_pandapower().control.basic_controller.Controller

    class CommunityControl(Hooks, base):  # type: ignore[misc]  # pandapower ships no types
        """A community's controller as a controller of its net; the module says what happens when.

        Args:
            net: What `community_of` made the community of. Loads without a storage are given one.
            controller: A `Controller` of that community; or a `Bare` one, to see what happens without.
            retail_price: Currency/kWh.
            feed_in_price: Currency/kWh.
            start: When time step 0 begins, as `numpy.datetime64` takes it; None for observations without a time.
            initial_soc: At which a run begins; None for what `net.storage.soc_percent` says now.
            level: As of every pandapower controller.
            order: Likewise.

        Raises:
            ModelError: the net is not that of the community, or has such a control already.
        """

        def __init__(
            self,
            net: Any,
            controller: Controller | Bare,
            *,
            retail_price: float = 0.30,
            feed_in_price: float = 0.08,
            start: Any = None,
            initial_soc: float | Vector | None = None,
            level: int = 0,
            order: int = 0,
        ) -> None:
            same = [number for number, other in net.controller.object.items() if isinstance(other, Hooks)]
            if same:
                raise ModelError("net.controller", f"a CommunityControl at {same[0]}", "one; exchange its controller")
            Hooks.__init__(self, net, controller, prices=(retail_price, feed_in_price), start=start)
            if initial_soc is not None:
                self.initial_soc = initial_soc
            # With recycle, pandapower would leave out results that have to be read after each step.
            given: dict[str, Any] = {"order": order, "level": level, "recycle": False, "initial_run": False}
            base.__init__(self, net, matching_params={}, **given)

    CommunityControl.__qualname__ = "CommunityControl"  # where pickle and pandapower's files look for it
    return CommunityControl


def __getattr__(name: str) -> Any:
    """Make the class on first use."""
    if name != "CommunityControl":
        raise AttributeError(f"module 'autonomy.hosts.pandapower_control' has no attribute {name!r}")
    return _control()
