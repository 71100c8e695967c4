"""The picture of a day: an image that changes with what it shows, and nothing of Matplotlib's global state."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from autonomy import CommunityEnv
from autonomy.environments.diary import Diary, Moment
from autonomy.environments.picture import draw
from autonomy.layers.decision import Mode
from autonomy.report.palette import MODES, light
from tests.learning import MIXES, setting


def moment(step: int, **changes: Any) -> Moment:
    fields: dict[str, Any] = {
        "time": np.datetime64("2024-05-01T00:00") + np.timedelta64(step - 1, "h"),
        "demand_kw": 3.0,
        "pv_kw": 2.0,
        "battery_kw": 1.0,
        "curtail_kw": 0.0,
        "shed_kw": 0.0,
        "feeder_kw": -2.0,
        "soc": np.array([0.2, 0.5, 0.8]),
        "retail_price": 0.3,
        "feed_in_price": 0.1,
        "price": np.nan,
        "mode": Mode.POLICY,
    }
    return Moment(step=step, **{**fields, **changes})


def picture(*moments: Moment, mix: str = "batteries and a consumer") -> Any:
    diary = Diary(MIXES[mix](), 24)
    for item in moments:
        diary.write(item)
    return draw(diary, title="a day")


def pixels(image: Any, color: str) -> int:
    red_green_blue = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
    return int((image == red_green_blue).all(axis=-1).sum())


def test_a_picture_is_an_image_of_bytes_even_of_nothing() -> None:
    for image in (picture(), picture(moment(1)), picture(*(moment(k) for k in range(1, 25)))):
        assert image.shape == (800, 800, 3)
        assert image.dtype == np.uint8
    assert not np.array_equal(picture(moment(1)), picture())


@pytest.mark.parametrize(
    "change",
    [
        {"demand_kw": 4.0},
        {"pv_kw": 2.5},
        {"battery_kw": -1.0},
        {"curtail_kw": 1.0},
        {"shed_kw": 1.0},
        {"feeder_kw": 1.0},
        {"soc": np.array([0.2, 0.6, 0.8])},
        {"soc": np.array([0.1, 0.5, 0.8])},
        {"retail_price": 0.4},
        {"feed_in_price": 0.0},
        {"price": 0.2},
        {"mode": Mode.SUPPORT},
    ],
)
def test_everything_that_a_moment_has_is_seen(change: dict[str, Any]) -> None:
    assert np.array_equal(picture(moment(1), moment(2)), picture(moment(1), moment(2)))
    assert not np.array_equal(picture(moment(1), moment(2)), picture(moment(1), moment(2, **change)))


@pytest.mark.parametrize("mode", Mode)
def test_a_mode_has_the_colour_that_the_report_gives_it(mode: Mode) -> None:
    color = light(MODES[mode])
    half = pixels(picture(moment(1), moment(2, mode=mode)), color)
    whole = pixels(picture(moment(1, mode=mode), moment(2, mode=mode)), color)
    assert half > 5000
    assert whole > 1.8 * half or mode is Mode.POLICY  # which the other half has, too


def test_only_the_last_day_is_kept_and_a_new_episode_begins_empty() -> None:
    diary = Diary(MIXES["one home"](), 24)
    for step in range(1, 40):
        diary.write(moment(step))
    assert [item.step for item in diary] == list(range(16, 40))
    assert diary.last is not None
    assert diary.last.step == 39
    diary.clear()
    assert len(diary) == 0
    assert diary.last is None


@pytest.mark.parametrize("mix", MIXES)
def test_the_environment_draws_what_happened(mix: str) -> None:
    env = CommunityEnv(**setting(mix), render_mode="rgb_array", normalised=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    images = [env.render()]
    for _ in range(3):
        env.step(env.action_space.sample())
        images.append(env.render())
    assert all(not np.array_equal(a, b) for a, b in pairwise(images))
    env.reset(seed=0, options={"window": 0})
    again = env.render()
    env.reset(seed=1, options={"window": 0})
    assert np.array_equal(env.render(), again)


def test_drawing_leaves_matplotlibs_figures_alone() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    picture(moment(1))
    assert pyplot.get_fignums() == before
