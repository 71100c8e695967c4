"""`autonomy benchmark simulator`: every face plays, figures follow from times, and the peer's data is translated."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from autonomy.benchmark.simulator import books, citylearn_peer, run
from autonomy.benchmark.simulator.homes import homes
from autonomy.benchmark.simulator.run import CASES, Peer, measure_simulator
from autonomy.benchmark.simulator.table import simulator_tables
from autonomy.cli import main
from autonomy.layers.errors import ModelError
from autonomy.simulation import BatchSimulator

pytest.importorskip("stable_baselines3")


def test_every_face_plays_and_the_figures_follow_from_the_times(monkeypatch):
    monkeypatch.setattr(run, "CASES", ((2, 3), (1, 4)))
    monkeypatch.setattr(run, "WEEK", 5)
    rows = measure_simulator(steps=6, seed=0, overhead_s=0.0, peer=None)
    assert [(row.face, row.communities, row.prosumers) for row in rows] == [
        ("arrays", 2, 3),
        ("make_vec", 2, 3),
        ("arrays", 1, 4),
        ("make_vec", 1, 4),
        ("CommunityEnv", 1, 4),
        ("Controller + Simulator", 1, 4),
    ]
    for row in rows:
        assert row.steps == 6
        assert 0.0 < row.p50_s <= row.p99_s
        assert row.per_s == pytest.approx(row.communities * row.prosumers / row.mean_s)
        assert np.isnan(row.times_peer)
    (table,) = simulator_tables(rows)
    assert len(table.rows) == 6
    assert all(cells[-1] == "–" for cells in table.rows)


def test_the_cases_are_those_of_the_targets():
    assert CASES[:2] == ((64, 12), (1, 100))


def test_homes_are_the_demos_again_and_again_behind_as_large_a_feeder():
    community, scenario = homes(40)
    demo, _ = homes(17)
    assert community.n_prosumers == 40
    assert len(set(community.names)) == 40
    assert np.array_equal(scenario.demand_kw[:, 17:34], demo_demand := homes(17)[1].demand_kw)
    assert np.array_equal(scenario.demand_kw[:, 34:], demo_demand[:, :6])
    limit = community.network.import_limit_kw[0] / demo.network.import_limit_kw[0]
    assert limit == pytest.approx(40 / 17)


def data_set(folder: Path) -> Path:
    """Write a data set in the old columns: one building, one hour."""
    tables = {"Building_1": 12, "pricing": 4, "carbon_intensity": 1, "weather": 16}
    for name, columns in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            out = csv.writer(file)
            out.writerows([[f"Old {k} [kWh]" for k in range(columns)], ["" if k == 4 else k for k in range(columns)]])
    schema = {"root_directory": None, "observations": {"hour": {}, "direct_solar_irradiance_predicted_12h": {}}}
    (folder / "schema.json").write_text(json.dumps(schema))
    return folder


def test_old_columns_get_the_names_that_citylearn_3_reads(tmp_path):
    source, target = tmp_path / "old", tmp_path / "new"
    source.mkdir()
    target.mkdir()
    schema = json.loads(citylearn_peer.translate(data_set(source), target).read_text())
    assert schema["root_directory"] == str(target)
    assert list(schema["observations"]) == ["hour", "direct_solar_irradiance_predicted_2"]
    header, row = list(csv.reader((target / "Building_1.csv").open()))
    assert (header[0], header[7], header[-1]) == ("month", "non_shiftable_load", "solar_generation")
    assert row[4] == "0"  # empty cells are no numbers
    assert next(csv.reader((target / "weather.csv").open()))[4] == "outdoor_dry_bulb_temperature_predicted_1"
    (source / "pricing.csv").write_text("one\n1\n")
    with pytest.raises(SystemExit, match=r"pricing\.csv has other columns"):
        citylearn_peer.translate(source, target)


def test_a_peer_that_does_not_run_is_an_error_that_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "CASES", ())
    peer = Peer(python=Path(sys.executable), data=tmp_path)
    with pytest.raises(ModelError, match="citylearn"):
        measure_simulator(steps=1, seed=0, overhead_s=0.0, peer=peer)


def test_the_peers_figures_are_what_others_are_compared_with(tmp_path, monkeypatch):
    script = tmp_path / "peer.py"
    script.write_text('print("noise"); print(\'{"version": "3.0", "buildings": 10, "seconds": [0.5, 0.5]}\')')
    monkeypatch.setattr(run.citylearn_peer, "__file__", str(script))
    monkeypatch.setattr(run, "CASES", ((1, 2),))
    monkeypatch.setattr(run, "WEEK", 4)
    rows = measure_simulator(steps=3, seed=0, overhead_s=0.0, peer=Peer(python=Path(sys.executable), data=tmp_path))
    assert (rows[-1].face, rows[-1].per_s, rows[-1].times_peer) == ("CityLearn 3.0", 20.0, 1.0)
    assert all(row.times_peer == pytest.approx(row.per_s / 20.0) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--citylearn", "no-such-python", "--citylearn-data", "."], "--citylearn:"),
        (["--citylearn", sys.executable, "--citylearn-data", "no-such-folder"], "--citylearn-data:"),
        (["--citylearn-data", "."], "--citylearn:"),
    ],
)
def test_a_peer_that_is_not_there_is_named(arguments, field, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["benchmark", "simulator", *arguments]) == 1
    assert field.rstrip(":") in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_the_books_of_two_days_balance():
    found = books.keep_books("wild", 50.0, steps=48)
    assert found.steps == 48
    assert found.relative < 1e-14
    assert (found.paid_micro, found.off_by_micro, found.worse_off) == (0, 0, 0)
    assert found.traded_kwh > 10.0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"energy_kwh": lambda x: x * (1 + 1e-8)}, "storage_kwh"),
        ({"feeder_kw": lambda x: x + 1e-6}, "balance_kwh"),
        ({"bill": lambda x: x + 1e-3}, "worse_off"),
    ],
)
def test_books_that_do_not_balance_are_found(change, field, monkeypatch):
    sound, step = books.keep_books("few", 5.0, steps=24), BatchSimulator.step

    def cooked(self, intent):
        outcome = step(self, intent)
        return outcome._replace(**{name: alter(getattr(outcome, name)) for name, alter in change.items()})

    monkeypatch.setattr(BatchSimulator, "step", cooked)
    found = books.keep_books("few", 5.0, steps=24)
    assert getattr(found, field) > getattr(sound, field)
    assert found.relative > books.LARGEST_RELATIVE or found.worse_off > 0
