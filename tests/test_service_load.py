"""The load test: what it plays is the community it says, and it counts from when a step was due."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from autonomy import Community, cli
from autonomy.benchmark.step import community
from autonomy.service import load
from autonomy.service.load import SAME, described, measure_load

pytest.importorskip("fastapi")


def test_the_homes_on_disk_are_those_of_the_benchmark(tmp_path):
    homes = community("feeder", 24, 3)
    (tmp_path / "homes.toml").write_text(described(homes))
    read = Community.from_toml(tmp_path / "homes.toml")
    for name in (*SAME, "soc_max", "ramp_limit_kw"):
        assert np.array_equal(getattr(read, name), getattr(homes, name)), name
    assert (read.names, read.timestep_h) == (homes.names, homes.timestep_h)
    assert read.network.import_limit_kw == homes.network.import_limit_kw
    assert read.network.export_limit_kw == homes.network.export_limit_kw


def test_every_step_is_answered_journalled_and_decided_again(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "NICER", 0)  # this process goes on with other tests
    seen = []
    row = measure_load(
        n=4,
        policy="self-consumption",
        fsync="never",
        rate=20.0,
        seconds=2.0,
        seed=1,
        folder=tmp_path,
        progress=seen.append,
    )
    assert (row.steps, row.late, row.refused, row.verified) == (40, 0, 0, 40)
    assert seen == [0, 20]
    assert row.seconds >= 39 / 20
    assert 0 < row.answer_p50_s <= row.p50_s <= row.p99_s <= row.p999_s <= row.most_s
    assert row.journal_bytes == (tmp_path / "homes.jsonl").stat().st_size


class Slow:
    """A client whose first answer takes 0.3 s and all others no time."""

    def __init__(self):
        self.asked = 0

    def step(self, _seen):
        self.asked += 1
        if self.asked == 1:
            load.time.sleep(0.3)
        return {"battery_kw": [0.0, 0.0], "is_late": self.asked == 2}


def test_one_slow_answer_makes_every_step_late_that_was_due_meanwhile(monkeypatch):
    monkeypatch.setattr(load, "NICER", 0)
    homes = community("feeder", 2, 0)
    due, sent, answered, counts = load._ask(Slow(), homes, rate=100.0, seconds=0.5, seed=0, progress=lambda _: None)
    latency, answer = answered - due, answered - sent
    assert np.diff(due) == pytest.approx(np.full(49, 0.01))
    assert latency[0] >= 0.3
    assert latency[5] >= 0.25, "it was sent late"
    assert answer[5] < 0.2, "and answered at once"
    assert counts == {"late": 1, "refused": 0}


@pytest.mark.parametrize("words", [["--rate", "0"], ["--seconds", "-1"], ["--prosumers", "0"], ["--seed", "-1"]])
def test_wrong_options_are_errors(words):
    assert cli.main(["benchmark", "serve", *words]) == cli.EXIT_ERROR


def test_a_late_answer_is_exit_code_2_and_is_in_the_results(tmp_path, monkeypatch):
    row = load.LoadRow(
        n=2, policy="p", fsync="never", rate=1.0, steps=1, seconds=1.0, p50_s=1.0, p99_s=1.0, p999_s=1.0, most_s=1.0,
        answer_p50_s=1.0, answer_p99_s=1.0, late=1, refused=0, journal_bytes=1, verified=1,
    )  # fmt: skip
    monkeypatch.setattr(load, "measure_load", lambda **_: row)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["benchmark", "serve", "--quick"]) == cli.EXIT_UNSAFE
    with (tmp_path / "autonomy-load" / "results.csv").open() as file:
        assert [line["late"] for line in csv.DictReader(file)] == ["1"]
