"""The checkers of Gymnasium, Stable-Baselines3 and PettingZoo, over every registered id and every mix of assets."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("pettingzoo")
pytest.importorskip("stable_baselines3")

from gymnasium.utils.env_checker import check_env as check_gymnasium  # noqa: E402 - after the libraries are known to be
from pettingzoo.test import parallel_api_test, parallel_seed_test  # noqa: E402 - likewise
from stable_baselines3.common.env_checker import check_env as check_stable_baselines  # noqa: E402 - likewise

from autonomy import CommunityEnv, make_vec, parallel_env  # noqa: E402 - likewise
from autonomy.environments import IDS  # noqa: E402 - likewise
from tests.learning import MIXES, setting  # noqa: E402 - likewise

ADVICE = ".*(normalized|symmetric).*"
"""Both checkers advise to normalise actions; physical units are what the other variant is for."""


@contextmanager
def no_warning(*, physical: bool) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if physical:
            warnings.filterwarnings("ignore", message=ADVICE)
        yield


def of_id(name: str) -> dict[str, Any]:
    """Return the arguments of an id that the other interfaces take too, for short episodes."""
    return {key: value for key, value in IDS[name].items() if key != "normalised"} | {"episode_steps": 24}


SETTINGS = [
    *(pytest.param(lambda mix=mix: setting(mix), id=mix) for mix in MIXES),
    *(pytest.param(lambda name=name: of_id(name), id=name) for name in IDS),
]


@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_checker_has_nothing_to_say_about_a_registered_id(name: str) -> None:
    with no_warning(physical=not IDS[name].get("normalised", False)):
        env = gymnasium.make(f"autonomy.environments:{name}", episode_steps=24)
        check_gymnasium(env.unwrapped)  # every render mode and a second close among it


@pytest.mark.parametrize("name", IDS)
def test_stable_baselines_checker_has_nothing_to_say_about_a_registered_id(name: str) -> None:
    with no_warning(physical=not IDS[name].get("normalised", False)):
        check_stable_baselines(gymnasium.make(name, episode_steps=24, render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("mix", MIXES)
def test_both_checkers_have_nothing_to_say_about_a_mix_of_assets(mix: str, normalised: bool) -> None:
    with no_warning(physical=not normalised):
        check_gymnasium(CommunityEnv(**setting(mix), normalised=normalised), skip_render_check=True)
        check_stable_baselines(CommunityEnv(**setting(mix), normalised=normalised))


@pytest.mark.parametrize("arguments", SETTINGS)
def test_pettingzoos_checkers_have_nothing_to_say(arguments: Any) -> None:
    with no_warning(physical=False):
        parallel_api_test(parallel_env(**arguments()), num_cycles=1000)
        parallel_seed_test(lambda: parallel_env(**arguments()), num_cycles=24)


@pytest.mark.parametrize("arguments", SETTINGS)
def test_equal_seeds_give_equal_runs_and_different_ones_do_not(arguments: Any) -> None:
    given = arguments()

    def run(seed: int) -> list[Any]:
        vec = make_vec(n_communities=3, seed=seed, **given)
        record: list[Any] = [vec.reset()]
        random = np.random.default_rng(0)
        for _ in range(given["episode_steps"] + 2):  # into the second episode
            record += vec.step(random.uniform(-1.0, 1.0, (vec.num_envs, 3)))[:3]
        return record

    first, again, other = run(5), run(5), run(6)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", IDS)
def test_an_id_is_there_without_another_import_and_survives_json(name: str) -> None:
    code = (
        "import gymnasium, sys\n"
        f"env = gymnasium.make('autonomy.environments:{name}', episode_steps=24)\n"
        "again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))\n"
        "assert again.action_space == env.action_space\n"
        "assert 'torch' not in sys.modules and 'pettingzoo' not in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_lists_exactly_the_registered_ids() -> None:
    page = (Path(__file__).parent.parent / "docs" / "environments.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `autonomy\.environments:(\S+)` \|", page, re.MULTILINE) == list(IDS)


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("CommunityEnv", "gymnasium", "hosts"),
        ("parallel_env", "gymnasium", "hosts"),
        ("parallel_env", "pettingzoo", "hosts"),
        ("make_vec", "stable_baselines3", "train"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_extra(name: str, library: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "import autonomy\n"
        "from autonomy.errors import OptionalDependencyError\n"
        f"try: autonomy.{name}\n"
        "except OptionalDependencyError as fault: print(fault)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == f"{name} needs an optional library: pip install 'autonomy-stack[{extra}]'\n"
