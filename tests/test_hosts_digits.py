"""A host with fewer digits than ours: asked and applied are compared in its digits, and what those lose is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.hosts import Bare, as_table, play, tally
from tests.planted_hosts import COMMUNITY, Street, StreetHost


class Coarse(StreetHost):  # type: ignore[misc, valid-type]
    """Writes down tenths of a kW."""

    def rounded_kw(self, battery_kw: Any) -> Any:
        return np.round(battery_kw, 1)

    def to_observation(self, raw: Any) -> Any:
        seen = super().to_observation(raw)
        applied = seen.applied_battery_kw
        return seen if applied is None else replace(seen, applied_battery_kw=np.round(applied, 1))


def asked(*powers_kw: float) -> Any:
    return Bare(COMMUNITY, lambda community, seen: np.column_stack((powers_kw, np.zeros(3), np.zeros(3))))


def test_what_the_digits_of_a_host_lose_is_no_difference_and_is_told_by_hand() -> None:
    host = Coarse(Street(), COMMUNITY)
    sums = tally(host, play(host, asked(0.32, -0.14, 0.2), steps=2, seed=1))
    assert sums.unmet_kwh == 0.0
    np.testing.assert_allclose(sums.rounding_kw, 0.04)
    np.testing.assert_allclose(sums.rounding_kwh, 2 * 0.25 * (0.02 + 0.04))
    assert "rounded off 0.04 kW of a set-point at most, 0.030000 kWh in sum; asked − applied is 0 kWh" in as_table(
        {"coarse": sums}
    )


def test_a_real_difference_is_seen_through_the_digits() -> None:
    host = Coarse(Street(), COMMUNITY)
    host.street.inverter_w = np.full(3, 200.0)
    sums = tally(host, play(host, asked(0.32, 0.0, 0.0), steps=2, seed=1))
    np.testing.assert_allclose(sums.unmet_kwh, 2 * 0.25 * (0.3 - 0.2))


def test_a_host_that_has_all_digits_rounds_nothing_and_says_nothing() -> None:
    host = StreetHost(Street(), COMMUNITY)
    sums = tally(host, play(host, asked(0.32, -0.14, 0.2), steps=2, seed=1))
    assert (sums.rounding_kw, sums.rounding_kwh) == (0.0, 0.0)
    assert "rounded" not in as_table({"exact": sums})
