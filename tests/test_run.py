"""The main job: every policy over the same windows, the optimum beside them, and all of it as evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Economics, Scenario
from autonomy.configuration import Configuration
from autonomy.errors import ConfigError, DataError, ModelError
from autonomy.journal.verify import verify
from autonomy.run import RIVALS, RunOptions, choose_windows, policy_file_name, run
from tests.homes import homes, scenario_of

VILLAGE = Configuration(name="Village", currency="EUR", community=homes(2), economics=Economics())


def two_days() -> Scenario:
    hour = np.arange(48) % 24
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)
    return scenario_of(
        VILLAGE.community,
        np.tile([1.0, 2.0], (48, 1)),
        np.column_stack([7.0 * sun, 0.0 * sun]),
        retail_price=np.where((hour >= 17) & (hour < 21), 0.5, 0.2),
    )


def test_a_run_is_evidence_of_every_policy_over_every_window(tmp_path: Path) -> None:
    windows = tuple(two_days().windows(24))
    told: list[tuple[str, int]] = []
    evidence = run(
        VILLAGE,
        windows,
        options=RunOptions(policies=("random", "grid-only", "random"), command="a command", version="1.2.3"),
        journal_folder=tmp_path / "journal",
        progress=lambda label, steps: told.append((label, steps)),
    )
    assert evidence.policies == ("grid-only", "random", "optimum")
    assert evidence.windows == (("2024-05-01T00:00 (24 steps)", 0, 24), ("2024-05-02T00:00 (24 steps)", 24, 24))
    assert (evidence.title, evidence.currency, evidence.command, evidence.version, evidence.backend) == (
        "Village",
        "EUR",
        "a command",
        "1.2.3",
        "exact",
    )
    assert evidence.data_sha256 == windows[0].series.sha256
    for policy in evidence.policies:
        figures, runs = evidence.kpis[policy], evidence.trajectories[policy]
        assert [item.policy for item in runs] == [policy] * 2
        assert (figures.steps, figures.violations) == (48, 0)
        assert figures.cost == pytest.approx(sum(item.cost for item in runs), rel=1e-12)
        assert sum(steps for label, steps in told if label == policy) == 48
    assert evidence.kpis["grid-only"].achievable_share == 0.0
    assert evidence.kpis["optimum"].achievable_share == 1.0
    assert evidence.kpis["random"].achievable_share < 1.0
    for optimum, window in zip(evidence.optima, evidence.trajectories["optimum"], strict=True):
        assert optimum.replayed_cost == window.cost
        assert optimum.objective == pytest.approx(window.cost, rel=1e-9)
    journals = {path.name: path.read_text().splitlines() for path in (tmp_path / "journal").iterdir()}
    # One header, and a root line a day at least.
    assert {name: len(lines) for name, lines in journals.items()} == {"grid-only.jsonl": 52, "random.jsonl": 52}
    for name, lines in journals.items():
        assert verify(tmp_path / "journal" / name).findings == ()
        said = [json.loads(line) for line in lines]
        decided = np.array([line["decided"]["battery_kw"] for line in said if "decided" in line])
        policy = name.removesuffix(".jsonl")
        executed = np.concatenate([item.battery_kw for item in evidence.trajectories[policy]])
        np.testing.assert_array_equal(decided, executed)


def test_without_an_optimum_nothing_is_said_about_what_could_be_saved() -> None:
    evidence = run(VILLAGE, (two_days().window(0, 3),), options=RunOptions(policies=(), with_optimum=False))
    assert evidence.policies == ("grid-only",)
    assert evidence.optima == ()
    assert np.isnan(evidence.kpis["grid-only"].achievable_share)


def test_every_policy_is_loaded_before_the_first_one_runs(tmp_path: Path) -> None:
    told: list[Any] = []
    for options in (RunOptions(policies=("random", "unknwn")), RunOptions(backend="exct")):
        with pytest.raises(ConfigError):
            run(
                VILLAGE,
                (two_days(),),
                options=options,
                journal_folder=tmp_path / "journal",
                progress=lambda *what: told.append(what),
            )
    assert told == []
    assert list(tmp_path.iterdir()) == []


def test_the_batteries_start_as_told_and_by_default_inside_their_band() -> None:
    window = two_days().window(0, 3)
    for soc, energy in ((None, 5.0), (0.2, 2.0)):
        options = RunOptions(policies=("self-consumption",), initial_soc=soc)
        for runs in run(VILLAGE, (window,), options=options).trajectories.values():
            assert runs[0].energy_kwh[0].tolist() == [energy, energy]
    full = Configuration(name="Full", currency="EUR", community=homes(2, soc_min=0.7), economics=Economics())
    evidence = run(full, (two_days(),), options=RunOptions())
    assert evidence.policies == ("grid-only", *RIVALS, "optimum")
    assert {figures.violations for figures in evidence.kpis.values()} == {0}
    assert evidence.trajectories["optimum"][0].energy_kwh[0].tolist() == [7.0, 7.0]


def test_the_terminal_rule_is_stated() -> None:
    window = (two_days().window(0, 2),)
    quick = RunOptions(policies=(), with_optimum=False)
    assert "the window's lowest retail price" in run(VILLAGE, window, options=quick).terminal_rule
    priced = Configuration(
        name="Village", currency="EUR", community=homes(2), economics=Economics(terminal_price_per_kwh=0.125)
    )
    assert "worth 0.125 EUR/kWh" in run(priced, window, options=quick).terminal_rule


# Windows and names ----------------------------------------------------------------------------------------------------


def test_a_chosen_part_is_cut_into_weeks_and_a_rest() -> None:
    demo = Scenario.demo()
    windows = choose_windows(demo, from_="2016-08-02", to="2016-08-17T12:00", held_out=True)
    assert [(window.start, window.n_steps) for window in windows] == [(24, 168), (192, 168), (360, 36)]
    rest = choose_windows(demo, from_="2017-07-29", to=None, held_out=True)
    assert [(window.start, window.stop) for window in rest] == [(8760 - 72, 8760)]
    first = choose_windows(demo, from_=None, to="2016-08-01T01:00", held_out=True)
    assert [(window.start, window.stop) for window in first] == [(0, 1)]


def test_without_a_choice_it_is_the_held_out_weeks_or_everything() -> None:
    demo = Scenario.demo()
    assert [w.start for w in choose_windows(demo, from_=None, to=None, held_out=True)] == [
        w.start for w in demo.held_out_weeks()
    ]
    everything = choose_windows(demo, from_=None, to=None, held_out=False)
    assert sum(window.n_steps for window in everything) == demo.n_steps
    with pytest.raises(DataError, match="no held-out week"):
        choose_windows(two_days(), from_=None, to=None, held_out=True)


@pytest.mark.parametrize(
    ("field", "from_", "to"),
    [
        ("from_", "yesterday", None),
        ("from_", "2015-01-01", None),
        ("to", None, "2030-01-01"),
        ("to", "2016-08-05", "2016-08-05"),
        ("to", "2016-08-05", "2016-08-04"),
    ],
)
def test_a_part_that_is_not_in_the_data_is_named(field: str, from_: str | None, to: str | None) -> None:
    with pytest.raises(ModelError) as caught:
        choose_windows(Scenario.demo(), from_=from_, to=to, held_out=False)
    assert caught.value.field == field


def test_every_policy_has_a_journal_of_its_own() -> None:
    assert policy_file_name("self-consumption") == "self-consumption.jsonl"
    paths = ["a/policy.py:act", "b/policy.py:act", "a/policy.py:other", "a/model.zip", "../model.zip"]
    names = [policy_file_name(path) for path in paths]
    assert len(set(names)) == len(paths)
    assert [name.partition("-")[0] for name in names] == ["policy", "policy", "policy", "model", "model"]
    assert all(Path(name).name == name and name.endswith(".jsonl") for name in names)
