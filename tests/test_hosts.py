"""`check_host`: what keeps the table of signs and units passes, and every planted fault is found, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Limits, Observation
from autonomy.hosts import CHECKS, Bare, Capabilities, HostError, Tolerance, check_host, play, tally
from autonomy.hosts import host as host_module
from autonomy.hosts.host import predicted_energy_kwh, with_capabilities
from autonomy.hosts.likeness import likeness
from autonomy.layers.errors import ModelError
from tests.planted_hosts import (
    COMMUNITY,
    FAULTS,
    PAGE,
    Derating,
    Limited,
    Street,
    StreetHost,
    made,
    reading,
    street_host,
)


def test_the_host_of_the_page_is_conformant() -> None:
    report = check_host(street_host())
    assert report.is_conformant, str(report)
    assert report.steps == 48
    assert not report.unjudged
    report.require()
    assert {item.check: item.compared for item in report.largest} == {
        "asked equals applied": 144,
        "predicted equals measured SoC": 144,
        "energy balance": 48,
    }
    assert all(item.amount < 1e-12 for item in report.largest)


@pytest.mark.parametrize("seed", range(5))
def test_a_good_host_passes_whatever_is_asked_of_it(seed: int) -> None:
    assert not check_host(street_host(), seed=seed, steps=96).findings


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found_and_named(fault: str) -> None:
    make, check, words = FAULTS[fault]
    report = check_host(make())
    found = [finding.text for finding in report.findings if finding.check == check]
    assert found, f"{fault} was not found by {check!r}:\n{report}"
    assert any(words in text for text in found), found
    assert not report.is_conformant
    with pytest.raises(HostError, match=check):
        report.require()


def test_the_checks_are_all_of_use() -> None:
    assert {check for _, check, _ in FAULTS.values()} == set(CHECKS)


def test_limits_that_are_stated_in_each_step_make_the_difference() -> None:
    assert not check_host(made(Derating)()).is_conformant
    assert check_host(made(Limited)()).is_conformant


def test_what_a_host_does_not_report_is_not_held_against_it_and_not_called_good() -> None:
    silent = check_host(reading(applied_battery_kw=lambda _: None, feeder_kw=lambda _: None))
    assert not silent.findings
    assert not silent.is_conformant
    assert [text.split(":")[0] for text in silent.unjudged] == ["asked and applied", "energy balance"]


def test_in_steps_of_an_hour_the_check_says_what_it_cannot_see() -> None:
    host = StreetHost(Street(minutes=60), replace(COMMUNITY, timestep_h=1.0))
    report = check_host(host, steps=24)
    assert report.is_conformant, str(report)
    assert any("1 h" in text for text in report.unjudged)


def test_a_host_that_raises_is_a_finding() -> None:
    class Broken(StreetHost):  # type: ignore[misc, valid-type]
        def step(self, action: Any) -> Any:
            raise RuntimeError("no power flow")

    report = check_host(Broken(Street(), COMMUNITY))
    assert "RuntimeError: no power flow" in str(report)
    assert not report.is_conformant


def test_a_host_that_is_over_at_once_proves_nothing() -> None:
    class Short(StreetHost):  # type: ignore[misc, valid-type]
        @property
        def is_done(self) -> bool:
            return self.street.step_number >= 3

    assert any("over after 3 steps" in finding.text for finding in check_host(Short(Street(), COMMUNITY)).findings)


def test_a_host_that_can_cut_nothing_passes_when_it_says_so() -> None:
    class Fixed(StreetHost):  # type: ignore[misc, valid-type]
        capabilities = Capabilities(curtail=False, shed=False)

        def to_observation(self, raw: Any) -> Observation:
            seen: Observation = super().to_observation(raw)
            return replace(seen, limits=with_capabilities(seen.limits, self.capabilities))

        def from_decision(self, decision: Any) -> Any:
            no_cap = np.full(3, np.inf)
            return {**super().from_decision(decision), "solar_limit": no_cap, "load_limit": no_cap}

    report = check_host(Fixed(Street(), COMMUNITY))
    assert report.is_conformant, str(report)


def test_the_shield_makes_the_difference_on_the_page() -> None:
    def greedy(community: Any, observation: Observation) -> Any:
        return np.column_stack((np.full(3, 4.0), np.zeros(3), np.full(3, 0.3)))

    host = street_host()
    alone = tally(host, play(host, Bare(COMMUNITY, greedy), seed=1))
    ours = tally(host, play(host, Controller(COMMUNITY, policy=greedy).step, seed=1))
    assert (alone.steps, ours.steps) == (192, 192)
    assert alone.violations > 0
    assert alone.worst_kw > 1.0
    assert ours.violations == 0
    assert ours.worst_kw <= 0.0
    assert ours.unmet_kwh < 1e-9 < alone.unmet_kwh


def test_sums_by_hand() -> None:
    host = street_host()
    idle = Bare(COMMUNITY, lambda community, seen: np.zeros((3, 3)))
    sums = tally(host, play(host, idle, steps=4, seed=1))
    load, solar = host.street.load_w[:4] / 1000, host.street.solar_w[:4] / 1000
    net = solar - load
    assert sums.cost == pytest.approx(0.25 * (0.3 * np.maximum(-net, 0) - 0.08 * np.maximum(net, 0)).sum())
    assert (sums.steps, sums.shed_kwh, sums.curtailed_kwh, sums.unmet_kwh) == (4, 0.0, 0.0, 0.0)


def test_what_a_battery_will_hold_by_hand() -> None:
    host = street_host()
    still = np.zeros(3)
    seen = Observation(demand_kw=still, pv_kw=still, soc=still + 0.5, retail_price=still, feed_in_price=still)
    decision = Bare(COMMUNITY, lambda community, seen: np.array([[4, 0, 0], [-4, 0, 0], [0, 0, 0]]))(seen)
    np.testing.assert_allclose(
        predicted_energy_kwh(host, seen, decision), [5 + 0.25 * 4 * 0.95, 5 - 0.25 * 4 / 0.95, 5]
    )
    limited = replace(seen, limits=Limits(charge_efficiency=0.5, discharge_efficiency=0.5))  # type: ignore[arg-type]
    np.testing.assert_allclose(predicted_energy_kwh(host, limited, decision), [5.5, 3.0, 5.0])


def test_a_likeness_needs_numbers() -> None:
    nothing = np.zeros((4, 1))
    assert likeness(nothing, nothing + 1, tolerance=1e-3, timestep_h=0.25) == ""
    random = np.random.default_rng(1).uniform(-1, 1, (2, 50, 2))
    assert likeness(random[0], random[1], tolerance=1e-3, timestep_h=0.25) == ""
    assert "W where kW" in likeness(random[0], 1000 * random[0], tolerance=1e-3, timestep_h=0.25)


@pytest.mark.parametrize("name", ["power_kw", "energy_kwh", "feeder_kw"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_tolerance_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ModelError, match=name):
        Tolerance(**{name: value})


def test_the_page_and_the_code_have_one_table_of_signs_and_units() -> None:
    def rows(text: str) -> list[str]:
        return [
            line
            for line in text.split("| signal |")[1].split("\n\n", maxsplit=1)[0].splitlines()
            if line.startswith("|")
        ]

    found = rows(PAGE.read_text(encoding="utf-8"))
    assert len(found) == 11
    assert found == rows(host_module.__doc__ or "")
