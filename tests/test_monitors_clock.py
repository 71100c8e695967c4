"""The monitor of time: what is stale, what has jumped, and every kind of clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from autonomy.layers.supervision.monitors import Clock
from autonomy.layers.supervision.reading import instant_of
from tests.bench import EXACT, START, Bench


def stamps(bench: Bench, *times: Any) -> list[Any]:
    return [bench.show(time=time) for time in times]


def test_a_clock_that_advances_by_half_an_hour_is_right_in_every_kind_of_time():
    for make in (
        lambda k: START + k * np.timedelta64(30, "m"),
        lambda k: (START + k * np.timedelta64(30, "m")).astype("datetime64[ns]"),
        lambda k: datetime(2024, 5, 1) + k * timedelta(minutes=30),
        lambda k: (datetime(2024, 5, 1, tzinfo=UTC) + k * timedelta(minutes=30)).isoformat(),
        # In the night in which clocks go back, in UTC and back: an hour comes twice, and no time stands still.
        lambda k: (datetime(2024, 10, 26, 23, tzinfo=UTC) + k * timedelta(minutes=30)).astimezone(
            ZoneInfo("Europe/Berlin")
        ),
    ):
        assert stamps(Bench(Clock(0.5, EXACT)), *map(make, range(6))) == [[]] * 6


def test_one_point_in_time_is_the_same_number_in_every_kind():
    winter = timezone(timedelta(hours=-8))
    same = [
        np.datetime64("2024-05-01T12:00", "m"), np.datetime64("2024-05-01T12:00", "ns"), datetime(2024, 5, 1, 12),
        "2024-05-01T12:00", datetime(2024, 5, 1, 12, tzinfo=UTC), datetime(2024, 5, 1, 4, tzinfo=winter),
        "2024-05-01T12:00Z", "2024-05-01T04:00-08:00",
    ]  # fmt: skip
    found = [instant_of(value) for value in same]
    assert {instant.seconds for instant in found} == {1714564800.0}
    assert [instant.is_aware for instant in found] == [False] * 4 + [True] * 4
    assert instant_of(np.datetime64("2024-05-01")) == instant_of(datetime(2024, 5, 1).date())


@pytest.mark.parametrize("value", [None, 7, 3.5, "now", "", np.datetime64("NaT"), b"2024", [], {}, object(), True])
def test_what_is_no_point_in_time_is_none(value):
    assert instant_of(value) is None


def test_a_repeated_time_costs_the_policy_and_after_four_steps_every_measurement():
    bench = Bench(Clock(0.5, EXACT))
    found = stamps(bench, START, *[START] * 5)
    assert found[0] == []
    assert [loss for ((_, loss, _),) in found[1:]] == ["policy"] * 3 + ["blind"] * 2
    assert {cause for ((cause, _, _),) in found[1:]} == {"time-stale"}


def test_a_time_that_goes_back_is_stale_until_it_has_gone_on_properly_for_four_steps():
    half = np.timedelta64(30, "m")
    found = stamps(Bench(Clock(0.5, EXACT)), START, START + half, *[START - 48 * half + k * half for k in range(6)])
    assert [[doubt[0] for doubt in step] for step in found] == [[], []] + [["time-stale"]] * 4 + [[], []]


def test_a_jump_forward_is_noted_and_two_equal_wrong_steps_stop_the_batteries():
    half = np.timedelta64(30, "m")
    found = stamps(Bench(Clock(0.5, EXACT)), START, START + 3 * half, START + 4 * half)
    assert found == [[], [("time-jump", "note", ())], []]
    quarter = np.timedelta64(15, "m")
    found = stamps(Bench(Clock(0.5, EXACT)), *[START + k * quarter for k in range(4)])
    assert [[doubt[:2] for doubt in step] for step in found] == [
        [], [("time-jump", "note")], [("timestep-wrong", "battery")], [("timestep-wrong", "battery")],
    ]  # fmt: skip


def test_kinds_of_time_that_do_not_go_together_are_noted_and_so_is_a_time_that_is_lost():
    found = stamps(Bench(Clock(0.5, EXACT)), START, datetime(2024, 5, 1, 0, 30, tzinfo=UTC), None, "now", START)
    assert [[doubt[0] for doubt in step] for step in found] == [[], *[["time-unreadable"]] * 2, [], ["time-unreadable"]]
