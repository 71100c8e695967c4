"""A policy that raises, hangs, freezes or has lost its weights is a reason, and the step goes on."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from autonomy import Cause, Community, Controller, Mode, Network, Supervisor
from autonomy.layers.supervision import Loss

PAIR = Community(
    battery_capacity_kwh=10.0, charge_limit_kw=5.0, discharge_limit_kw=5.0,
    network=Network.single_feeder(n_prosumers=2, import_limit_kw=6.0, export_limit_kw=6.0),
)  # fmt: skip
DAY = {"demand_kw": [1.0, 2.0], "pv_kw": [3.0, 0.0], "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
ANSWER = np.array([[1.0, 0.0, 0.2], [1.0, 0.0, 0.2]])


def causes(decision: Any) -> list[str]:
    return [reason.cause.value for reason in decision.reasons]


# Deadline -----------------------------------------------------------------------------------------------------------


def test_a_policy_that_never_returns_costs_one_thread_and_no_step():
    gate, calls = threading.Event(), []

    def hangs(community, observation):
        calls.append(threading.current_thread())
        gate.wait()
        return ANSWER

    controller = Controller(PAIR, policy=hangs, supervisor=Supervisor(policy_deadline_s=0.02))
    decisions = [controller.step(DAY) for _ in range(4)]
    assert [causes(decision)[0] for decision in decisions] == ["policy-late"] * 4
    assert [decision.mode for decision in decisions] == [Mode.SUPPORT] * 4
    assert controller.watchdog.abandoned == 1
    assert "not asked again" in str(decisions[-1].reasons[0])
    # Once it has returned it is asked again, and what it had answered too late is never used.
    gate.set()
    running = controller.watchdog._worker._running
    assert running.done.wait(60.0)
    assert len(calls) == 1
    controller.watchdog._settings = Supervisor(policy_deadline_s=60.0)
    decision = controller.step(DAY)
    assert decision.mode is Mode.POLICY
    assert decision.battery_kw.tolist() == [1.0, 1.0]
    assert calls[0] is calls[1]


def test_with_a_deadline_an_answer_in_time_is_the_same_as_without():
    for deadline in (None, 60.0):
        controller = Controller(PAIR, policy=lambda c, o: ANSWER, supervisor=Supervisor(policy_deadline_s=deadline))
        decision = controller.step(DAY)
        assert decision.mode is Mode.POLICY
        assert decision.battery_kw.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("deadline", [None, 60.0])
@pytest.mark.parametrize("fault", [ValueError("no"), SystemExit(3), RecursionError(), MemoryError(), StopIteration()])
def test_whatever_a_policy_raises_is_a_reason(deadline, fault):
    def policy(community, observation):
        raise fault

    decision = Controller(PAIR, policy=policy, supervisor=Supervisor(policy_deadline_s=deadline)).step(DAY)
    assert decision.mode is Mode.SUPPORT
    assert causes(decision)[0] == "policy-raised"
    assert type(fault).__name__ in str(decision.reasons[0])


# Fingerprint --------------------------------------------------------------------------------------------------------


class Weighted:
    """A policy with weights that a test may spoil."""

    def __init__(self) -> None:
        self.weights = [1.0, 2.0]
        self.hashed = 0

    def fingerprint(self) -> str:
        self.hashed += 1
        return str(hash(tuple(self.weights)))

    def __call__(self, community, observation):
        return ANSWER


def test_weights_that_change_are_found_at_the_next_check_and_forgiven_when_they_are_back():
    policy = Weighted()
    controller = Controller(PAIR, policy=policy, supervisor=Supervisor(fingerprint_every=3))
    assert [controller.step(DAY).mode for _ in range(2)] == [Mode.POLICY] * 2
    policy.weights[1] = 2.0000001
    assert controller.step(DAY).mode is Mode.POLICY  # checked at steps 0, 3, 6 …
    decisions = [controller.step(DAY) for _ in range(2)]
    assert [causes(decision)[0] for decision in decisions] == ["weights-changed"] * 2
    assert [decision.mode for decision in decisions] == [Mode.SUPPORT] * 2
    policy.weights[1] = 2.0
    assert controller.step(DAY).mode is Mode.POLICY


def test_the_weights_can_be_checked_on_demand_and_are_hashed_no_oftener_than_asked():
    policy = Weighted()
    controller = Controller(PAIR, policy=policy, supervisor=Supervisor(fingerprint_every=0))
    for _ in range(5):
        controller.step(DAY)
    assert policy.hashed == 1
    assert controller.verify_policy() is None
    policy.weights.append(0.0)
    assert controller.verify_policy().cause is Cause.WEIGHTS_CHANGED


def test_a_fingerprint_may_be_a_plain_attribute_and_one_that_breaks_is_a_change():
    policy = Weighted()
    policy.fingerprint = None
    policy.weights_hash = b"\x01\x02"
    controller = Controller(PAIR, policy=policy, supervisor=Supervisor(fingerprint_every=1))
    assert controller.step(DAY).mode is Mode.POLICY
    policy.weights_hash = b"\x01\x03"
    assert "0103 instead of 0102" in str(controller.step(DAY).reasons[0])

    def broken():
        raise OSError("gone")

    policy.weights_hash = broken
    assert "unreadable: OSError" in str(controller.step(DAY).reasons[0])


def test_a_policy_without_a_fingerprint_is_not_held_to_one():
    assert Controller(PAIR, policy=lambda c, o: ANSWER).verify_policy() is None


# Frozen output ------------------------------------------------------------------------------------------------------


def days(controller: Controller, steps: int, change: float = 1.0) -> list[Any]:
    return [controller.step({**DAY, "demand_kw": [1.0 + change * (k % 3), 2.0]}) for k in range(steps)]


def test_a_policy_that_repeats_itself_while_the_world_changes_is_said_to_be_frozen():
    for loss, mode in ((Loss.NOTE, Mode.POLICY), (Loss.POLICY, Mode.SUPPORT)):
        settings = Supervisor(frozen_after=6, frozen_loss=loss)
        controller = Controller(PAIR, policy=lambda c, o: ANSWER, supervisor=settings)
        decisions = days(controller, 9)
        assert ["output-frozen" in causes(decision) for decision in decisions] == [False] * 6 + [True] * 3
        assert [decision.mode for decision in decisions] == [Mode.POLICY] * 6 + [mode] * 3


def test_a_policy_that_idles_or_whose_world_stands_still_or_that_moves_is_not_frozen():
    settings = Supervisor(frozen_after=6)
    idle = np.array([[0.0, 0.0, 0.2], [0.0, 0.0, 0.2]])
    count = iter(range(1_000))
    for policy, change in (
        (lambda c, o: idle, 1.0),
        (lambda c, o: ANSWER, 0.01),
        (lambda c, o: ANSWER + 1e-9 * (next(count) % 5 == 0), 1.0),
    ):
        decisions = days(Controller(PAIR, policy=policy, supervisor=settings), 20, change)
        assert not any("output-frozen" in causes(decision) for decision in decisions)


def test_nan_of_a_frozen_policy_is_the_same_as_itself():
    answer = np.array([[1.0, np.nan, np.nan], [np.nan, 0.0, 0.2]])
    controller = Controller(PAIR, policy=lambda c, o: answer, supervisor=Supervisor(frozen_after=3))
    assert "output-frozen" in causes(days(controller, 5)[-1])
