"""Lemmas about batteries and rounding, held against the code that they speak of."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autonomy import Community, Limits, Network
from autonomy.layers import physics, rounding
from autonomy.layers.storage import Storage
from autonomy.layers.supervision import Screen
from autonomy.layers.supervision.milliwatt import PER_KW, SCALE, _whole, _widen
from tests.lemmas import FEW, FINE_KW, SHARES, after, assert_tied, row

FRACTIONS = st.fractions(0, 4, max_denominator=12)
EFFICIENCIES = st.fractions(Fraction(1, 5), 1, max_denominator=20)


@st.composite
def batteries(draw: st.DrawFn) -> SimpleNamespace:
    """A battery in fractions: ratings, its `Storage`, and a stored energy anywhere near its band."""
    emin = draw(FRACTIONS)
    return SimpleNamespace(
        emin=emin,
        emax=emin + draw(FRACTIONS),
        e=draw(st.fractions(-1, 10, max_denominator=12)),
        ec=draw(EFFICIENCIES),
        ed=draw(EFFICIENCIES),
        dt=draw(st.sampled_from([Fraction(1, 12), Fraction(1, 4), Fraction(1)])),
        limits=(draw(FRACTIONS), draw(FRACTIONS)),
    )


def reach_of(battery: Any, *, ec: Any = None, ed: Any = None, error: Any = 0, energy: Any = None) -> tuple[Any, Any]:
    """Return what the code lets a battery charge and discharge, in exact fractions."""
    ec, ed = battery.ec if ec is None else ec, battery.ed if ed is None else ed
    storage = Storage(
        energy_max_kwh=row(battery.emax - error),
        energy_min_kwh=row(battery.emin + error),
        power_limit_kw=np.array([row(battery.limits[0]), row(battery.limits[1])]),
        yield_=np.array([row(1), row(ed)]),
        hours=np.array([row(battery.dt * ec), row(battery.dt)]),
        nothing=np.array([row(0), row(0)]),
    )
    reach = physics.reach_kw(storage, row(battery.e if energy is None else energy))
    return reach[0, 0], reach[1, 0]


def between(charge: Any, discharge: Any, share: Any) -> Any:
    """Return a power of the box, from one end to the other."""
    return -discharge + share * (charge + discharge)


@FEW
@given(batteries())
def test_box_holds_zero_for_any_energy(battery):
    charge, discharge = reach_of(battery)
    assert_tied(
        "box-holds-zero",
        e=battery.e,
        emin=battery.emin,
        emax=battery.emax,
        charge_limit=battery.limits[0],
        discharge_limit=battery.limits[1],
        ec=battery.ec,
        ed=battery.ed,
        dt=battery.dt,
        charge=charge,
        discharge=discharge,
        room_up=max(battery.emax - battery.e, 0) / (battery.dt * battery.ec),
        room_down=max(battery.e - battery.emin, 0) * battery.ed / battery.dt,
    )


@FEW
@given(batteries(), SHARES, SHARES)
def test_soc_one_step_and_soc_outside_band_speak_about_the_physics(battery, level, share):
    for name, energy in (
        ("soc-one-step", battery.emin + level * (battery.emax - battery.emin)),
        ("soc-outside-band", battery.e),
    ):
        charge, discharge = reach_of(battery, energy=energy)
        b = between(charge, discharge, share)
        assert_tied(
            name,
            e=energy,
            next=after(battery, b, energy=energy),
            emin=battery.emin,
            emax=battery.emax,
            b=b,
            ec=battery.ec,
            ed=battery.ed,
            dt=battery.dt,
            room_up=max(battery.emax - energy, 0) / (battery.dt * battery.ec),
            room_down=max(energy - battery.emin, 0) * battery.ed / battery.dt,
            taken=max(-b, 0) / battery.ed,
        )


READINGS = st.tuples(FRACTIONS, st.fractions(-1, 1, max_denominator=6))
"""An error of a meter, kWh, and which part of it, with its sign, is made."""


@FEW
@given(batteries(), SHARES, SHARES, READINGS, st.tuples(EFFICIENCIES, EFFICIENCIES))
def test_soc_robust_is_the_box_of_the_code_given_pessimistic_ratings(battery, level, share, reading, others):
    (error, off), (more, less) = reading, others
    truth = battery.emin + level * (battery.emax - battery.emin)
    metered, high, low = truth + off * error, max(battery.ec, more), min(battery.ed, less)
    charge, discharge = reach_of(battery, ec=high, ed=low, error=error, energy=metered)
    b = between(charge, discharge, share)
    assert_tied(
        "soc-robust",
        e=metered,
        truth=truth,
        next=after(battery, b, energy=truth),
        error=error,
        emin=battery.emin,
        emax=battery.emax,
        b=b,
        ec=battery.ec,
        ec_high=high,
        ed=battery.ed,
        ed_low=low,
        dt=battery.dt,
        room_up=max(battery.emax - error - metered, 0) / (battery.dt * high),
        room_down=max(metered - battery.emin - error, 0) * low / battery.dt,
        taken=max(-b, 0) / battery.ed,
    )


@FEW
@given(batteries(), SHARES, SHARES, READINGS, st.tuples(EFFICIENCIES, EFFICIENCIES))
def test_soc_excess_bounds_what_nominal_ratings_let_through(battery, level, share, reading, true):
    (error, off), (true_ec, true_ed) = reading, true
    metered = battery.emin + level * (battery.emax - battery.emin)
    truth = metered + off * error
    charge, discharge = reach_of(battery, energy=metered)
    b = between(charge, discharge, share)
    assert_tied(
        "soc-excess",
        e=metered,
        truth=truth,
        next=after(battery, b, energy=truth, ec=true_ec, ed=true_ed),
        error=error,
        emin=battery.emin,
        emax=battery.emax,
        b=b,
        ec=true_ec,
        ec_rated=battery.ec,
        ed=true_ed,
        ed_rated=battery.ed,
        rise=max(true_ec / battery.ec - 1, 0),
        fall=max(battery.ed / true_ed - 1, 0),
        dt=battery.dt,
        room_up=(battery.emax - metered) / (battery.dt * battery.ec),
        room_down=(metered - battery.emin) * battery.ed / battery.dt,
        taken=max(-b, 0) / true_ed,
    )


def test_the_robust_box_can_be_had_through_the_limits_of_a_step():
    community = Community(
        battery_capacity_kwh=10.0,
        charge_limit_kw=50.0,
        discharge_limit_kw=50.0,
        charge_efficiency=0.9,
        discharge_efficiency=0.9,
        soc_min=0.1,
        soc_max=0.9,
        network=Network.single_feeder(n_prosumers=1),
    )
    # A meter off by 2 % of the capacity, efficiencies by 0.05: (9 − 0.2 − 5)/0.95 and (5 − 0.2 − 1)·0.85.
    cautious = Limits(soc_min=0.12, soc_max=0.88, charge_efficiency=0.95, discharge_efficiency=0.85)
    observed = {"demand_kw": [0.0], "pv_kw": [0.0], "soc": [0.5], "retail_price": 0.3, "feed_in_price": 0.1}
    situation = Screen(community)({**observed, "limits": cautious}, np.zeros(1))
    assert situation.battery_upper_kw[0] == pytest.approx(3.8 / 0.95)
    assert situation.battery_lower_kw[0] == pytest.approx(-3.8 * 0.85)


@FEW
@given(*[st.floats(0.0, 9.0)] * 2, st.floats(-20.0, 20.0), st.floats(0.0, 5.0))
@example(3.0, 3.0, 0.1, 5e-324)
def test_ramp_window_lies_inside_the_box(upper, lower, previous, ramp):
    columns = [np.array([value]) for value in (upper, lower, previous, ramp)]
    reach = np.array([columns[0], columns[1]])
    box = physics.battery_box(reach, ramp_limit_kw=columns[3], previous_kw=columns[2])
    assert_tied(
        "ramp-window",
        lower=-lower,
        upper=upper,
        previous=previous,
        ramp=ramp,
        ramp_lower=float(-rounding.added(columns[3], -columns[2])[0]),
        ramp_upper=float(rounding.added(columns[2], columns[3])[0]),
        blo=float(box.lower_kw[0]),
        bhi=float(box.upper_kw[0]),
    )


@FEW
@given(st.lists(FINE_KW, min_size=2, max_size=2, unique=True), SHARES)
def test_rounding_inward_is_what_bounds_are_made_with(ends, share):
    lower_kw, upper_kw = min(ends) - 4.0, max(ends) - 4.0
    high = int(_whole(np.floor, np.array([upper_kw]))[0])
    low = -int(_whole(np.floor, np.array([-lower_kw]))[0])
    assume(low <= high)
    point = low + int(share * (high - low))
    lower, upper = (Fraction(value) * PER_KW for value in (lower_kw, upper_kw))
    assert_tied("rounding-inward", lower=lower, upper=upper, low=low, high=high, point=point)


@FEW
@given(st.integers(-(2**30), 2**30), st.integers(0, 900), FRACTIONS, FRACTIONS)
def test_thin_box_is_what_a_box_without_a_milliwatt_becomes(start, width, more, less):
    lower_kw, upper_kw = start / 2**30, (start + width) / 2**30
    reach_kw = np.array([[upper_kw], [-lower_kw]])
    reach = _whole(np.floor, reach_kw)
    assume(reach[0, 0] < -reach[1, 0])
    _widen(reach, reach_kw)
    assert reach[0, 0] == -reach[1, 0]
    lower, upper = Fraction(lower_kw) * PER_KW, Fraction(upper_kw) * PER_KW
    assert_tied(
        "thin-box",
        floor=min(lower, 0) - less,
        roof=max(upper, 0) + more,
        lower=lower,
        upper=upper,
        near=lower if abs(lower) < abs(upper) else upper,
        point=int(reach[0, 0]),
    )


@FEW
@given(st.floats(0.0, 1e9))
@example(8.818173999999999)
@example(1e9)
def test_rounding_of_floats_is_off_by_its_last_digit_at_most(kw):
    low, near = (int(_whole(kind, np.array([kw]))[0]) for kind in (np.floor, np.rint))
    assert_tied("rounding-of-floats", exact=Fraction(kw) * PER_KW, product=kw * SCALE, low=low, near=near)


def test_a_product_of_floats_can_be_rounded_up_past_a_whole_milliwatt():
    kw = 8.818173999999999
    assert int(_whole(np.floor, np.array([kw]))[0]) > Fraction(kw) * PER_KW


@FEW
@given(
    st.tuples(*[st.floats(0.001, 1.0)] * 3),
    st.floats(0.1, 500.0),
    st.tuples(*[st.floats(0.2, 1.0)] * 2),
    st.sampled_from([1 / 12, 0.25, 1.0]),
)
def test_room_in_floats_and_reach_in_floats_follow_the_code_step_by_step(levels, capacity, efficiencies, dt):
    (soc, low, high), (ec, ed) = levels, efficiencies
    low, high = min(low, high), max(low, high)
    ends, large = {True: high, False: low}, np.array([1e15])
    storage = Storage.of(
        energy_min_kwh=np.array([low * capacity]),
        energy_max_kwh=np.array([high * capacity]),
        charge_limit_kw=large,
        discharge_limit_kw=large,
        charge_efficiency=np.array([ec]),
        discharge_efficiency=np.array([ed]),
        timestep_h=dt,
    )
    energy = np.array([soc * capacity])
    reach = physics.reach_kw(storage, energy)
    for k, charging in enumerate((True, False)):
        narrowed = float((storage.energy_max_kwh if charging else storage.energy_min_kwh)[0])
        difference = max(narrowed - energy[0] if charging else energy[0] - narrowed, 0.0)
        e, limit = Fraction(soc) * Fraction(capacity), Fraction(ends[charging]) * Fraction(capacity)
        room = max(limit - e if charging else e - limit, 0)
        floats = {"ef": energy[0], "l1": ends[charging] * capacity, "l2": narrowed, "difference": difference}
        assert_tied("room-in-floats", e=e, limit=limit, charging=charging, room=room, **floats)
        assert_tied(
            "reach-in-floats",
            room=room,
            difference=difference,
            hours=Fraction(dt) * (Fraction(ec) if charging else 1),
            arrives=1 if charging else ed,
            hf=storage.hours[k, 0],
            af=storage.yield_[k, 0],
            product=difference * storage.yield_[k, 0],
            reach=reach[k, 0],
        )
