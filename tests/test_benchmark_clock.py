"""An honest clock: calls in turns, the collector off, the clock's own time taken away."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest

from autonomy.benchmark import clock
from autonomy.benchmark.instances import draw
from autonomy.benchmark.measurement import Measurement
from autonomy.benchmark.method import Answer, BackendMethod
from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.tally import Tally
from autonomy.solvers.allocation import Vector
from autonomy.solvers.nested import NestedSolver
from tests.cases import case


def test_loops_call_what_they_say_in_turns_with_the_collector_off_and_turn_it_on_again() -> None:
    seen: list[tuple[str, int]] = []

    def named(name: str) -> Answer:
        def call(argument: int) -> int:
            assert not gc.isenabled()
            seen.append((name, argument))
            return argument

        return call

    timed = clock.hot(named("a"), [1, 2, 3], 7, 0.0)
    assert [argument for _, argument in seen] == [1, 2, 3, 1, 2, 3, 1]
    assert timed.last == 1
    assert timed.seconds.shape == (7,)
    seen.clear()
    turns = clock.interleaved([(named("a"), [1, 2]), (named("b"), [5])], 4, 0.0, np.random.default_rng(0))
    assert [sorted(seen[k : k + 2]) for k in (0, 2, 4, 6)] == [[("a", 1 + k % 2), ("b", 5)] for k in range(4)]
    assert [turn.last for turn in turns] == [2, 5]
    assert gc.isenabled()


def test_a_loop_that_raises_turns_the_collector_on_again() -> None:
    with pytest.raises(ZeroDivisionError):
        clock.hot(lambda argument: 1 / argument, [0], 3, 0.0)
    assert gc.isenabled()


def test_the_clocks_own_time_is_subtracted_and_nothing_takes_less_than_no_time() -> None:
    assert clock.hot(lambda argument: argument, [0], 5, 1e3).seconds.tolist() == [0.0] * 5
    assert clock.hot(time.sleep, [0.002], 3, 0.001).seconds.min() >= 0.001
    assert 0 <= clock.clock_overhead_s(101) < 1e-3


def test_figures_are_those_of_the_times_by_hand() -> None:
    problems = draw(case(n=4), 1, NestedSolver)

    def measured(name: str, hot: Vector, turns: Vector) -> Measurement:
        method = BackendMethod(name=name, start=NestedSolver)
        return Measurement(method=method, hot=hot, interleaved=turns, places=[0], setup_s=0.5, first_s=0.25)

    ours = measured(EXACT, np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 10.0]))
    other = measured("other", np.array([10.0, 20.0, 60.0]), np.array([4.0, 4.0, 50.0]))
    row = Tally(case(n=4), problems, [ours, other], [0.0], 9.0, 1e10).row(other)
    assert (row.hot_min_s, row.hot_p50_s, row.hot_calls) == (10.0, 20.0, 3)
    assert row.hot_p99_s == pytest.approx(59.2)
    assert row.hot_ratio == 10.0  # 20 / 2
    assert row.interleaved_ratio == 4.0  # the median of 4, 2 and 5
    assert (row.setup_s, row.first_s) == (0.5, 0.25)
    # 6 rows of cells and 3 of the point for 4 prosumers; two bounds and a multiplier for 4 lines.
    assert row.least_bytes == 8 * (9 * 4 + 3 * 4)
    assert row.floor_ratio == pytest.approx(20.0 * 1e10 / 384)
