"""pandapower with a SimBench grid as a host; run where both are installed, see docs/hosts.md."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Supervisor
from autonomy.hosts import Bare, Tolerance, check_host, play, tally
from autonomy.hosts.comparison import battery_intent
from autonomy.hosts.pandapower_host import ACCURACY, PandapowerHost
from autonomy.hosts.pandapower_net import Profiles, community_of, simbench_profiles
from autonomy.hosts.simbench import BATTERY
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError

simbench = pytest.importorskip("simbench")
pytest.importorskip("pandapower")
NOON = 96 * 147 + 40
"""A quarter of an hour past ten on a sunny day in May."""


@pytest.fixture(scope="module")
def net() -> Any:
    return simbench.get_simbench_net("1-LV-rural1--0-sw")


@pytest.fixture(scope="module")
def profiles(net: Any) -> Profiles:
    return simbench_profiles(net, first=NOON, steps=72)


@pytest.fixture
def host(net: Any, profiles: Profiles) -> PandapowerHost:
    return PandapowerHost(net, profiles, community_of(net, profiles, **BATTERY))


def at_noon(community: Any, observation: Any) -> Any:
    return battery_intent(-community.discharge_limit_kw, observation)


def test_pandapower_keeps_the_table(host: PandapowerHost) -> None:
    # Line losses of the model are those at nominal voltage and without reactive power.
    report = check_host(host, steps=48, tolerance=Tolerance(feeder_kw=0.1))
    assert report.is_conformant, str(report)
    assert not report.unjudged


def test_the_tree_is_that_of_the_net(net: Any, profiles: Profiles) -> None:
    community = community_of(net, profiles, lowest_voltage_pu=1.0, **BATTERY)
    network = community.network
    assert network.n_lines == 14
    assert network.n_prosumers == 13
    assert network.sharers.tolist()[0] == 13
    assert 0.95 * 160 < network.import_limit_kw[0] < 160
    # NAYY 4×150: 270 A at 400 V.
    assert (network.import_limit_kw[1:] < 187.1).all()
    assert network.resistance_ohm.sum() == pytest.approx(
        (net.line.r_ohm_per_km * net.line.length_km).sum() + 0.0146875 * 0.4**2 / 0.16
    )


def test_the_transformer_is_not_overloaded_where_the_policy_alone_overloads_it(host: PandapowerHost) -> None:
    alone = tally(host, play(host, Bare(host.community, at_noon), steps=12))
    controller = Controller(host.community, policy=at_noon, supervisor=Supervisor(accuracy=ACCURACY))
    steps = list(play(host, controller.step, steps=12))
    ours = tally(host, steps)
    assert alone.violations > 0
    assert alone.worst_kw > 10
    assert ours.violations == 0
    assert ours.unmet_kwh < 1e-6
    doubts = {Cause.SOC_BALANCE, Cause.SET_POINT_IGNORED, Cause.FEEDER_BALANCE, Cause.FEEDER_METER}
    assert not doubts & {reason.cause for step in steps for reason in step.decision.reasons}


def test_mw_for_kw_is_found(net: Any, profiles: Profiles) -> None:
    class Thousandfold(PandapowerHost):
        def from_decision(self, decision: Any) -> Any:
            action = super().from_decision(decision)
            return {**action, "storage_mw": action["storage_mw"] / 1000}

    report = check_host(Thousandfold(net, profiles, community_of(net, profiles, **BATTERY)), steps=12)
    assert any("kW taken for W" in finding.text for finding in report.findings)


def test_what_is_no_radial_net_of_loads_is_refused(net: Any, profiles: Profiles) -> None:
    looped = copy.deepcopy(net)
    looped.line.loc[99] = looped.line.loc[0]
    with pytest.raises(ModelError, match=r"net\.line"):
        community_of(looped, profiles, **BATTERY)
    moved = copy.deepcopy(net)
    moved.sgen.loc[0, "bus"] = 3
    with pytest.raises(ModelError, match=r"net\.sgen\.bus"):
        community_of(moved, profiles, **BATTERY)
    opened = copy.deepcopy(net)
    opened.switch.loc[0, "closed"] = False
    with pytest.raises(ModelError, match=r"net\.switch"):
        community_of(opened, profiles, **BATTERY)
    with pytest.raises(ModelError, match="load_mw"):
        Profiles(
            time=profiles.time,
            load_mw=-profiles.load_mw,
            load_mvar=profiles.load_mvar,
            plant_mw=profiles.plant_mw,
            timestep_h=0.25,
        )
    assert np.isfinite(profiles.load_mw).all()
