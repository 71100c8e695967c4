"""The clear-sky table: night is dark, noon is bright, and a year of real roofs stays below it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from autonomy import Scenario
from autonomy.errors import ModelError
from autonomy.layers.supervision.reading import Instant, instant_of

pytest.importorskip("pvlib")
from autonomy.clearsky import MARGIN, sun_table

FONTANA = {"latitude": 34.09, "longitude": -117.44, "altitude_m": 380.0, "utc_offset_h": -8.0}


@pytest.fixture(scope="module")
def table():
    return sun_table(**FONTANA, timestep_h=1.0)


def test_the_sun_shines_by_day_and_not_by_night(table):
    noon, night = datetime(2024, 6, 21, 20, tzinfo=UTC), datetime(2024, 6, 21, 8, tzinfo=UTC)
    # The clearest sky gives about 1.1 kW/m² straight on, and the ground adds a quarter of that.
    assert 1.2 < table.at(instant_of(noon)) / MARGIN < 1.5
    assert table.at(instant_of(night)) == 0.0
    # The same moments on the clock of Fontana, which is eight hours behind.
    assert table.at(instant_of(np.datetime64("2024-06-21T12:00"))) == table.at(instant_of(noon))


def test_a_winter_noon_is_no_brighter_than_a_summer_noon_and_its_day_is_shorter(table):
    lit = (table.most > 0).sum(axis=1) / 12
    assert 10 < lit[355] < 13 < lit[172] < 17  # hours of 21 December and 21 June, an hour wider on both sides
    assert table.most.max(axis=1).argmin() in (*range(340, 366), *range(15))


def test_a_step_that_begins_or_ends_in_the_night_is_bounded_by_its_light(table):
    quarter = sun_table(**FONTANA, timestep_h=0.25)
    assert np.all(quarter.most <= table.most)
    assert (quarter.most > 0).sum() < (table.most > 0).sum()


def test_a_year_of_real_roofs_stays_below_even_if_their_best_hour_is_taken_for_their_peak(table):
    series = Scenario.demo().series
    most = np.array([table.at(instant_of(moment)) for moment in series.time])
    assert np.all(series.pv_kw <= most[:, None] * series.pv_kw.max(axis=0) + 1e-9)
    assert np.count_nonzero(most == 0.0) > 0.3 * most.size


def test_the_last_day_of_a_leap_year_has_its_row(table):
    assert table.at(Instant(datetime(2024, 12, 31, 23, 59, tzinfo=UTC).timestamp(), True)) == table.most[365, -1]
    assert table.at(Instant(datetime(2023, 1, 1, tzinfo=UTC).timestamp(), True)) == table.most[0, 0]


@pytest.mark.parametrize("wrong", [{"latitude": 91.0}, {"longitude": np.nan}, {"timestep_h": 0.0}, {"margin": -1.0}])
def test_a_place_that_is_none_is_refused_by_name(wrong):
    with pytest.raises(ModelError, match=next(iter(wrong))):
        sun_table(**{**FONTANA, "timestep_h": 1.0, **wrong})
