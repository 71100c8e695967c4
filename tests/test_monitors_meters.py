"""Monitors of meters: what no roof delivers, ramps, and a meter that is stuck."""

from __future__ import annotations

import numpy as np
import pytest

from autonomy.errors import ModelError
from autonomy.layers.supervision.monitors import Accuracy, ClearSky, MeterRamp, Peak, Stuck, SunTable, default_monitors
from tests.bench import EXACT, PAIR, START, Bench

# What is installed, ramps, stuck meters, the sun ------------------------------------------------------------------


def test_above_what_is_installed_is_a_wrong_meter():
    bench = Bench(Peak(PAIR, Accuracy(), pv_peak_kw=[4.0, np.inf]))
    assert bench.show(pv_kw=[4.05, 40.0]) == []  # 4·1.01 + 0.01 kW
    assert bench.show(pv_kw=[4.06, 40.0]) == [("above-peak", "meter", (0,))]
    with pytest.raises(ModelError, match="pv_peak_kw"):
        Peak(PAIR, Accuracy(), pv_peak_kw=-1.0)


def test_a_ramp_is_measured_from_the_last_value_that_was_believed():
    bench = Bench(MeterRamp(PAIR, EXACT, demand_ramp_kw=1.0))
    demands = [1.0, 2.0, 5.0, 5.0, 5.0, 5.0, 9.0, 5.5]
    found = [bench.show(demand_kw=[d, 1.0]) for d in demands]
    # From 2 kW: 5 kW are within 1, 2, 3 kW after three steps.
    assert [len(step) for step in found] == [0, 0, 1, 1, 0, 0, 1, 0]
    assert found[2] == [("meter-ramp", "meter", (0,))]


def test_a_ramp_that_is_not_declared_is_not_watched():
    bench = Bench(MeterRamp(PAIR, EXACT))
    assert [bench.show(demand_kw=[d, 1.0]) for d in (0.0, 100.0, 0.0)] == [[], [], []]


def test_a_meter_that_repeats_one_number_for_a_day_is_stuck_and_zero_is_not():
    bench = Bench(Stuck(PAIR))  # 48 half hours
    found = [bench.show(demand_kw=[1.25, 0.0], pv_kw=[0.0, 0.1 * k]) for k in range(60)]
    assert [len(step) for step in found] == [0] * 48 + [1] * 12
    assert found[48] == [("meter-stuck", "meter", (0,))]
    assert bench.show(demand_kw=[1.26, 0.0]) == []


def test_a_meter_that_moves_once_a_day_is_not_stuck():
    bench = Bench(Stuck(PAIR))
    assert not any(bench.show(demand_kw=[1.25 + 0.01 * (k % 47 == 0), 1.0 + k]) for k in range(200))


def test_at_night_no_roof_delivers():
    # Light from 6:00 to 18:00 UTC, 1.2 kW per kW of peak; the host's clock is eight hours behind.
    most = np.zeros((366, 24))
    most[:, 6:18] = 1.2
    sky = ClearSky(PAIR, Accuracy(), table=SunTable(most=most, utc_offset_h=-8.0), pv_peak_kw=[4.0, np.inf])
    bench = Bench(sky)
    noon, night = np.datetime64("2024-07-01T04:00"), np.datetime64("2024-07-01T10:00")
    assert bench.show(time=noon, pv_kw=[4.85, 100.0]) == []
    assert bench.show(time=noon, pv_kw=[4.9, 100.0]) == [("clear-sky", "meter", (0,))]
    assert bench.show(time=night, pv_kw=[0.02, 0.005]) == [("clear-sky", "meter", (0,))]
    assert bench.show(time="2024-07-01T18:30:00+00:00", pv_kw=[0.0, 0.02]) == [("clear-sky", "meter", (1,))]
    assert bench.show(pv_kw=[9.0, 9.0]) == []
    with pytest.raises(ModelError, match="most"):
        SunTable(most=np.zeros((365, 24)))


# Accuracy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(Accuracy.__dataclass_fields__))
def test_an_accuracy_that_is_none_is_refused_by_name(name):
    with pytest.raises(ModelError, match=name):
        Accuracy(**{name: float("nan")})
    with pytest.raises(ModelError, match=name):
        Accuracy(**{name: -0.1})


def test_the_monitors_forget_what_they_saw_when_they_are_reset():
    for monitor in default_monitors(PAIR, EXACT):
        bench = Bench(monitor)
        bench.show(soc=[0.2, 0.5], time=START, demand_kw=[1.25, 1.0])
        monitor.reset()
        bench.past = (None, None, None, None)
        assert bench.show(soc=[0.9, 0.5], time=START, demand_kw=[1.25, 1.0]) == []
