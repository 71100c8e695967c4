"""Playing one case: the same function in this process, in another one, or on another machine."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.benchmark.dispatch.case import Case, Execution, forecast_of
from autonomy.benchmark.dispatch.communities import place
from autonomy.benchmark.dispatch.row import NAN, DispatchRow
from autonomy.benchmark.dispatch.unshielded import Unshielded, roll_out_unshielded
from autonomy.benchmark.row import Outcome
from autonomy.controller import Controller
from autonomy.dispatch import Dispatch, optimal_dispatch
from autonomy.policies import load_policy, with_economics
from autonomy.rollout import replay, roll_out
from autonomy.run import RELATIVE_GAP
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator
from autonomy.trajectory import Trajectory
from autonomy.variation import Place


class OvertimeError(TimeoutError):
    """A case took longer than it may."""


def play(case: Case, time_limit_s: float) -> DispatchRow:
    """Play a case and return its row; whatever goes wrong is in the row, and is charged the time limit.

    The limit ends a case between two steps, and on POSIX systems within one; the optimum is told it. Whatever is raised
    after it is the limit's doing: an alarm that rings inside a library may come out as something else.
    """
    started = time.perf_counter()
    late = f"took longer than {time_limit_s:g} s"
    try:
        with _alarm(time_limit_s):
            row = _played(case, started + time_limit_s)
    except TimeoutError:
        return failed(case, Outcome.TIME_LIMIT, late, time_limit_s)
    except Exception as fault:  # noqa: BLE001 - a failed case is a result like any other
        if time.perf_counter() - started >= time_limit_s:
            return failed(case, Outcome.TIME_LIMIT, late, time_limit_s)
        return failed(case, Outcome.FAILED, f"{type(fault).__name__}: {fault}", time_limit_s)
    seconds = time.perf_counter() - started
    return replace(row, seconds=seconds, charged_s=seconds)


def failed(case: Case, outcome: Outcome, message: str, time_limit_s: float) -> DispatchRow:
    """Return the row of a case that has no figures."""
    return DispatchRow(**_of(case), outcome=outcome, message=message, charged_s=time_limit_s)


def window_of(case: Case, home: Place) -> Scenario:
    """Return what is played, with its forecast."""
    weeks = list(home.year.held_out_weeks())
    week = weeks[case.week]
    part = week.window(0, min(round(case.hours / week.timestep_h), week.n_steps))
    return part.with_forecast(forecast_of(case), seed=case.seed)


def _played(case: Case, deadline: float) -> DispatchRow:
    home = place(case.community)
    simulator = Simulator(home.community, window_of(case, home), economics=home.economics)
    if case.execution is Execution.KNOWN:
        dispatch = _optimum(simulator, deadline - time.perf_counter())
        run = replay(simulator, dispatch)
        row = _row(case, simulator, run, matched_cost=run.cost)
        proof = dispatch.certificate
        verdict = "" if proof is None else str(proof.verdict)
        return replace(row, gap=dispatch.gap, bound=dispatch.bound, verdict=verdict)

    def on_step() -> None:
        if time.perf_counter() > deadline:
            raise OvertimeError

    policy = with_economics(load_policy(case.played_policy), home.economics)
    if case.execution is Execution.UNSHIELDED:
        run = roll_out_unshielded(simulator, Unshielded(policy), name=case.policy, on_step=on_step)
    else:
        run = roll_out(simulator, Controller(home.community, policy=policy), name=case.policy, on_step=on_step)
    return _row(case, simulator, run, matched_cost=replay(simulator, run).cost)


def _optimum(simulator: Simulator, time_limit_s: float) -> Dispatch:
    return optimal_dispatch(
        simulator.community,
        simulator.scenario,
        economics=simulator.economics,
        energy_kwh=simulator.initial_soc * simulator.community.battery_capacity_kwh,
        time_limit_s=max(time_limit_s, 0.0),
        relative_gap=RELATIVE_GAP,
    )


def _row(case: Case, simulator: Simulator, run: Trajectory, *, matched_cost: float) -> DispatchRow:
    known = run.latency_s[np.isfinite(run.latency_s)]
    excess = [broken.amount for _, broken in run.violations if broken.unit == "kW"]
    return DispatchRow(
        **_of(case),
        outcome=Outcome.RAN,
        window=simulator.scenario.label,
        homes=simulator.community.n_prosumers,
        steps=simulator.scenario.n_steps,
        cost=run.cost,
        matched_cost=matched_cost,
        terminal_price=simulator.terminal_price,
        co2_kg=float(run.co2_kg.sum()),
        peak_import_kw=float(np.maximum(-run.feeder_kw, 0.0).max()),
        peak_export_kw=float(np.maximum(run.feeder_kw, 0.0).max()),
        shed_kwh=float(run.shed_kw.sum()) * run.timestep_h,
        curtailed_kwh=float(run.curtail_kw.sum()) * run.timestep_h,
        violations=len(run.violations),
        unsafe_steps=len({step for step, _ in run.violations}),
        worst_kw=max(excess, default=0.0),
        latency_p50_s=float(np.percentile(known, 50)) if known.size else NAN,
        latency_p99_s=float(np.percentile(known, 99)) if known.size else NAN,
    )


def _of(case: Case) -> dict[str, Any]:
    return {
        "key": case.key,
        "community": case.community,
        "week": case.week,
        "policy": case.policy,
        "forecast": case.forecast,
        "seed": case.seed,
        "execution": str(case.execution),
    }


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise `OvertimeError` in the block after some seconds, where the system can.

    A policy that swallows it is ended by the next step.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: object) -> None:
        raise OvertimeError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
