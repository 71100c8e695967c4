"""The model: community, network, physics, each against plain loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import Community, Network, Observation
from autonomy.errors import ModelError
from autonomy.layers import physics
from tests.oracle import battery_interval, line_flow, lines_above, next_energy
from tests.strategies import communities, networks

TREE = Network(parent=[2, 0, -1], bus_of_prosumer=[0, 1, 1, 2], import_limit_kw=[5, 4, 9], export_limit_kw=[3, 2, 8])


def test_the_demo_community_is_seventeen_homes_behind_one_feeder():
    community = Community.demo()
    assert community.n_prosumers == 17
    assert community.names[0] == "home-1"
    assert community.network.import_limit_kw.tolist() == [34.0]
    assert community.battery_capacity_kwh.sum() == pytest.approx(17 * 6.4)


def test_scalars_are_repeated_and_arrays_cannot_be_changed():
    community = Community(
        battery_capacity_kwh=5,
        charge_limit_kw=[1, 2, 3],
        discharge_limit_kw=2,
        network=Network.single_feeder(n_prosumers=3),
    )
    assert community.battery_capacity_kwh.tolist() == [5.0, 5.0, 5.0]
    with pytest.raises(ValueError, match="read-only"):
        community.charge_limit_kw[0] = 9.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        community.timestep_h = 2.0


def test_an_array_that_is_passed_in_can_be_changed_afterwards_without_effect():
    mine = np.array([1.0, 2.0])
    community = Community(
        battery_capacity_kwh=mine, charge_limit_kw=1, discharge_limit_kw=1, network=Network.single_feeder(n_prosumers=2)
    )
    mine[0] = 99.0
    assert community.battery_capacity_kwh[0] == 1.0


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("battery_capacity_kwh", -1.0, "a finite number >= 0"),
        ("battery_capacity_kwh", np.nan, "a finite number >= 0"),
        ("charge_limit_kw", np.inf, "a finite number >= 0"),
        ("charge_efficiency", 0.0, "one-way efficiency"),
        ("discharge_efficiency", 1.1, "one-way efficiency"),
        ("soc_min", 1.5, "a fraction in 0..1"),
        ("soc_max", -0.1, "soc_min..1"),
        ("ramp_limit_kw", 0.0, "> 0"),
        ("connection_limit_kw", -3.0, "> 0"),
        ("timestep_h", 0.0, "hours > 0"),
        ("names", ("a", "a"), "2 different names"),
        ("charge_limit_kw", [1.0, 2.0, 3.0], r"shape \(2,\)"),
        ("charge_limit_kw", "fast", "numbers"),
        ("network", None, "a Network"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_was_expected(field, value, expected):
    good = {
        "battery_capacity_kwh": 5.0, "charge_limit_kw": 2.0, "discharge_limit_kw": 2.0,
        "network": Network.single_feeder(n_prosumers=2),
    }  # fmt: skip
    with pytest.raises(ModelError, match=expected) as caught:
        Community(**{**good, field: value})
    assert field in caught.value.field


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"parent": [-1, -1, 0]}, "exactly one line on the grid"),
        ({"parent": [1, 0, -1]}, "form a loop"),
        ({"parent": [7, 0, -1]}, "a bus in 0..2"),
        ({"bus_of_prosumer": [0, 3]}, "a bus in 0..2"),
        ({"bus_of_prosumer": []}, "at least one prosumer"),
        ({"bus_of_prosumer": [0.5]}, "whole numbers"),
        ({"import_limit_kw": [1, -1, 1]}, ">= 0"),
        ({"export_limit_kw": [1, np.nan, 1]}, ">= 0"),
        ({"nominal_voltage_v": 0}, "a voltage"),
        ({"resistance_ohm": 0.1, "import_limit_kw": np.inf}, "without finite limits"),
        ({"resistance_ohm": 100.0, "import_limit_kw": 50.0, "export_limit_kw": 50.0}, "worst-case losses"),
    ],
)
def test_a_network_that_is_no_radial_network_is_refused(change, expected):
    with pytest.raises(ModelError, match=expected):
        Network(**{"parent": [2, 0, -1], "bus_of_prosumer": [0, 1], **change})


def test_a_tree_knows_who_is_below_each_line():
    # Line 2 is the feeder, line 0 hangs on bus 2, line 1 on bus 0; prosumers 1 and 2 sit at the far end.
    assert TREE.incidence.tolist() == [[1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]]
    assert TREE.lines_above[1] == (1, 0, 2)
    assert TREE.leaves_first[-1] == 2


@given(networks(), st.data())
def test_line_flows_are_the_sums_below(network, data):
    net = np.array([data.draw(st.integers(-(10**9), 10**9)) for _ in range(network.n_prosumers)])
    flows = physics.line_flows(network, net)
    assert flows.dtype == np.int64
    for line in range(network.n_lines):
        assert flows[line] == line_flow(network, [int(x) for x in net], line)
        assert network.incidence[line].tolist() == [
            float(line in lines_above(network, i)) for i in range(network.n_prosumers)
        ]


@given(networks(), st.data())
def test_the_least_above_is_the_least_on_the_way_to_the_grid(network, data):
    values = np.array([[data.draw(st.floats(-9, 9)) for _ in range(network.n_lines)] for _ in range(2)])
    least = physics.least_above(network, values)
    for i in range(network.n_prosumers):
        above = lines_above(network, i)
        assert least[:, i].tolist() == [min(row[line] for line in above) for row in values]
        for line in range(network.n_lines):
            members = [i for i in range(network.n_prosumers) if line in lines_above(network, i)]
            assert network.prosumers_below[line] == len(members)


def test_a_value_that_is_huge_or_no_number_stays_on_its_own_way_to_the_grid():
    # Prosumer 3 sits at the feeder alone; what is not finite elsewhere must not reach the lines that are not above it.
    assert physics.line_flows(TREE, np.array([1.5, 2.5, 0.25, 1e300])).tolist() == [4.25, 2.75, 1e300]
    flows = physics.line_flows(TREE, np.array([np.nan, 2.5, 0.25, 1.0]))
    assert np.isnan(flows).tolist() == [True, False, True]
    assert flows[1] == 2.75


@given(communities(with_ramp=True), st.data())
def test_the_battery_box_equals_the_formula(community, data):
    size = community.n_prosumers
    soc = np.array([data.draw(st.floats(0, 1)) for _ in range(size)])
    previous = np.array([data.draw(st.floats(-5, 5)) for _ in range(size)])
    box = physics.rated_box(community, soc * community.battery_capacity_kwh, previous)
    for i in range(size):
        low, high = battery_interval(community, i, float(soc[i]), float(previous[i]))
        assert box.lower_kw[i] <= box.upper_kw[i]
        if low <= high:
            assert box.lower_kw[i] == pytest.approx(low, abs=1e-9)
            assert box.upper_kw[i] == pytest.approx(high, abs=1e-9)
        else:
            assert box.ramp_relaxed[i]


@given(communities(), st.data())
def test_every_power_in_the_box_keeps_the_energy_in_its_band(community, data):
    size = community.n_prosumers
    share = data.draw(st.floats(0, 1))
    span = community.energy_max_kwh - community.energy_min_kwh
    energy = community.energy_min_kwh + data.draw(st.floats(0, 1)) * span
    box = physics.rated_box(community, energy)
    battery = box.lower_kw + share * (box.upper_kw - box.lower_kw)
    after = physics.rated_energy_after_kwh(community, energy, battery)
    for i in range(size):
        assert after[i] == pytest.approx(next_energy(community, i, float(energy[i]), float(battery[i])), abs=1e-12)
        assert community.energy_min_kwh[i] - 1e-9 <= after[i] <= community.energy_max_kwh[i] + 1e-9


def test_energy_by_hand():
    # 10 kWh, +4 kW for half an hour at 0.9: 10 + 0.5·0.9·4 = 11.8; −4 kW at 0.8: 10 − 0.5·4/0.8 = 7.5.
    after = physics.next_energy_kwh(
        np.array([10.0, 10.0]), np.array([4.0, -4.0]), charge_efficiency=0.9, discharge_efficiency=0.8, timestep_h=0.5
    )
    assert after.tolist() == [11.8, 7.5]


def test_losses_by_hand():
    # 0.016 ohm at 400 V: 0.016·1000/400² = 1e-4 per kW. 40 kW through the far line lose 0.16 kW; the feeder carries
    # 39.84 kW and loses 1e-4·39.84² = 0.158723 kW.
    network = Network(parent=[-1, 0], bus_of_prosumer=[1], import_limit_kw=50, export_limit_kw=50, resistance_ohm=0.016)
    flows = physics.lossy_flows(network, np.array([40.0]))
    assert flows.loss_kw.tolist() == pytest.approx([0.1587225, 0.16], abs=1e-6)
    assert flows.upstream_kw[0] == pytest.approx(39.84 - 0.1587225, abs=1e-6)
    # Worst case, both lines at 50 kW: 0.25 kW each.
    assert network.worst_case_loss_kw.tolist() == pytest.approx([0.5, 0.25])


@given(networks(lossless=False), st.data())
def test_limits_tightened_by_worst_case_losses_hold_with_losses(network, data):
    net = np.array([data.draw(st.floats(-30, 30)) for _ in range(network.n_prosumers)])
    lossless = physics.line_flows(network, net)
    tight = network.import_limit_kw - network.worst_case_loss_kw
    if np.all((-tight <= lossless) & (lossless <= network.export_limit_kw)):
        flows = physics.lossy_flows(network, net)
        for end in (flows.upstream_kw, flows.downstream_kw):
            assert np.all(-network.import_limit_kw - 1e-9 <= end)
            assert np.all(end <= network.export_limit_kw + 1e-9)


@given(networks())
def test_fair_shares_never_add_up_to_more_than_a_line_carries(network):
    share = physics.fair_share_kw(network, network.import_limit_kw)
    for line in range(network.n_lines):
        below = [i for i in range(network.n_prosumers) if line in lines_above(network, i)]
        assert sum(share[i] for i in below) <= network.import_limit_kw[line] * (1 + 1e-12)


def test_an_observation_keeps_its_own_copy_of_what_it_was_given():
    mine = np.array([1.0, 2.0])
    observation = Observation(demand_kw=mine, pv_kw=[0, 0], soc=0.5, retail_price=0.3, feed_in_price=0.1)
    mine[0] = 7.0
    assert observation.demand_kw.tolist() == [1.0, 2.0]
