"""Policies, backends and journals that are sound until the stage says otherwise."""

from __future__ import annotations

import copy
import errno
import os
import time
from typing import Any

import numpy as np

from autonomy.faults.fault import Fault
from autonomy.faults.signal import seen
from autonomy.faults.stage import Stage
from autonomy.faults.words import Channel, Kind
from autonomy.layers.community import Community
from autonomy.layers.intent import Policy, read_answer
from autonomy.layers.observation import Observation
from autonomy.solvers.allocation import Allocation, Backend, Hierarchy, Solution, Status, no_answer
from autonomy.solvers.backends import BACKENDS

DEADLINE_S = 0.1
"""s, deadline that our controller is given for its policy."""
LATE = (0.2, 1.2, 2.0)
"""Times the deadline that a late policy takes."""
SLOW_S = (0.005, 0.02, 0.06)
"""s that a slow backend or disk takes longer."""
SHIFT_KW = (0.001, 0.1, 5.0)
"""kW by which a lying backend moves every battery."""


class PlantedPolicy:
    """A policy whose answers go wrong on the channels intent and policy.

    It is fresh in every run, so that one with a memory or a generator of its own answers alike in a run and its twin.
    """

    def __init__(self, policy: Policy, stage: Stage) -> None:
        self._fresh, self._stage = policy, stage
        self._policy, self._run, self._last = policy, -1, None

    def __call__(self, community: Community, observation: Observation) -> Any:
        """Ask the policy, and answer that, or what the fault makes of it."""
        self._stage.idle.clear()
        try:
            return self._answer(community, observation)
        finally:
            self._stage.idle.set()

    def _answer(self, community: Community, observation: Observation) -> Any:
        stage, size = self._stage, community.n_prosumers
        if self._run != stage.runs:
            self._policy, self._run, self._last = copy.deepcopy(self._fresh), stage.runs, None
        active = stage.faulty(Channel.POLICY)
        if active is not None and active[0].fault.kind is Kind.CRASH and active[0].fault.comes_and_goes(active[1]):
            stage.touched = True
            raise RuntimeError("planted: the policy process died")
        answer = self._policy(community, observation)
        intent = read_answer(answer, size).intent
        battery = intent.battery_kw if intent is not None else np.zeros(size)
        stage.intents.append(battery)
        if active is not None:
            return self._wrong(answer, active[0].fault, active[1], size)
        self._last = answer
        hit = stage.faulty(Channel.INTENT)
        if hit is None or intent is None:
            return answer
        shown = seen(hit[0].moment(stage.past_intents(), hit[1]), hit[0].victim)
        stage.touched = not np.array_equal(shown, battery, equal_nan=True)
        return np.column_stack([shown, intent.trade_kw, intent.price_bid])

    def _wrong(self, answer: Any, fault: Fault, k: int, size: int) -> Any:
        stage, place = self._stage, fault.severity.place
        if fault.kind is Kind.DELAY:
            stage.touched = True
            time.sleep(LATE[place] * DEADLINE_S)
            return answer
        if fault.kind is Kind.LIE:
            stage.touched = True
            return (np.zeros((size + 1, 3)), np.zeros((size, 2)), "charge!")[place]
        if fault.kind is Kind.STUCK:
            stage.touched = fault.holds_on(k) and self._last is not None
            return self._last if stage.touched else answer
        if not fault.comes_and_goes(k):
            return answer
        stage.touched = True
        return np.full((size, 3), np.nan) if fault.kind is Kind.NAN else None


class PlantedBackend:
    """A projection backend that goes wrong on the channel solver."""

    def __init__(self, backend: Backend, hierarchy: Hierarchy, stage: Stage) -> None:
        self._backend, self._hierarchy, self._stage = backend, hierarchy, stage
        self._last: Solution | None = None

    def solve(self, problem: Allocation) -> Solution:
        """Return the backend's answer, or what the fault makes of it."""
        active = self._stage.faulty(Channel.SOLVER)
        if active is None:
            self._last = self._backend.solve(problem)
            return self._last
        fault, k = active[0].fault, active[1]
        there = fault.holds_on(k) if fault.kind is Kind.STUCK else fault.comes_and_goes(k)
        if fault.kind in (Kind.DELAY, Kind.LIE):
            there = True
        if not there:
            return self._backend.solve(problem)
        self._stage.touched = True
        return self._wrong(problem, fault)

    def _wrong(self, problem: Allocation, fault: Fault) -> Solution:
        place = fault.severity.place
        if fault.kind is Kind.CRASH:
            raise RuntimeError("planted: the solver crashed")
        if fault.kind is Kind.NAN:
            return no_answer(self._hierarchy, Status.SOLVED, "")
        if fault.kind is Kind.MISSING:
            return no_answer(self._hierarchy, Status.FAILED, "planted: no answer")
        if fault.kind is Kind.STUCK and self._last is not None:
            return self._last
        if fault.kind is Kind.DELAY:
            time.sleep(SLOW_S[place])
        answer = self._backend.solve(problem)
        if fault.kind is Kind.LIE:
            return answer._replace(point=answer.point + np.array([[SHIFT_KW[place]], [0.0], [0.0]]))
        return answer


def planted_setup(stage: Stage) -> Any:
    """Return the setup of a planted exact backend."""

    def setup(hierarchy: Hierarchy) -> PlantedBackend:
        return PlantedBackend(BACKENDS["exact"](hierarchy), hierarchy, stage)

    return setup


class PlantedJournal:
    """A journal that keeps nothing and goes wrong on the channel disk.

    Attributes:
        kept: Number of lines that a sound disk would have kept.
        lost: Number of lines that were called written and were not.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.kept = self.lost = 0

    def record(self, *_: Any) -> None:
        """Keep a decision, whatever a controller says of it: late, only seemingly, or not at all."""
        active = self._stage.faulty(Channel.DISK)
        if active is not None:
            fault, k = active[0].fault, active[1]
            if fault.kind is Kind.DELAY:
                self._stage.touched = True
                time.sleep(SLOW_S[fault.severity.place])
            elif fault.comes_and_goes(k):
                self._stage.touched = True
                if fault.kind is Kind.CRASH:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self.lost += 1
                return
        self.kept += 1
