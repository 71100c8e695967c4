"""`autonomy train` by PPO and SAC: a folder that is complete, sweeps, and trainings that go on after a kill."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3")

from autonomy import Community, Controller, Scenario, Simulator
from autonomy.cli import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, main
from autonomy.learning.draws import VALIDATING
from autonomy.learning.events import records
from autonomy.learning.gradient import method as gradient
from autonomy.learning.order import Order, Trained
from autonomy.learning.reinforcement import method
from autonomy.learning.reinforcement.method import hash_of, recipe_of
from autonomy.learning.reinforcement.ppo import PPO_ALGORITHM, PpoRecipe
from autonomy.learning.split import split
from autonomy.learning.sweep import Result, here, means, trainings
from autonomy.learning.validation import marks
from autonomy.learning.weights import read_weights
from autonomy.policies import load_policy
from autonomy.rollout import roll_out

BRIEF = {"chapter_steps": "400", "places": "1", "copies": "1", "episode_h": "24", "hidden": "8"}
SHORT = {**BRIEF, "rollout": "12", "minibatch": "102", "epochs": "1"}
QUICK = ["--method", "ppo", "--budget", "800", *(f"--setting={name}={value}" for name, value in SHORT.items())]
FEW = {"buffer": "2000", "minibatch": "64", "updates": "1", "first": "200"}
SHALLOW = {"updates": "3", "validate_every": "1", "communities": "1", "windows": "4", "least_h": "24", "most_h": "25"}
LITTLE = {
    "ppo": QUICK,
    "sac": [
        "--method", "sac", "--budget", "800",
        *(f"--setting={name}={value}" for name, value in {**BRIEF, **FEW}.items()),
    ],
    "gradient": [f"--setting={name}={value}" for name, value in SHALLOW.items()],
}  # fmt: skip
KILLED = """
import sys
from functools import partial
from autonomy.cli import main
from autonomy.learning.draws import VALIDATING
from autonomy.learning.gradient import method as gradient
from autonomy.learning.reinforcement import method
from autonomy.learning.validation import marks

method.marks = gradient.marks = partial(marks, variations=VALIDATING[:1], weeks=1)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module", autouse=True)
def one_week_validates() -> Iterator[None]:
    """All weeks and communities take seconds; here one is enough."""
    with pytest.MonkeyPatch.context() as patch:
        for one in (method, gradient):
            patch.setattr(one, "marks", partial(marks, variations=VALIDATING[:1], weeks=1))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train") / "model"
    assert main(["train", *QUICK, "--seed", "3", "--out", str(folder)]) == EXIT_OK
    return folder


def told(folder: Path) -> dict[str, object]:
    card: dict[str, object] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return card


def test_the_folder_has_all_that_belongs_to_a_model(trained: Path) -> None:
    names = sorted(path.name for path in trained.iterdir())
    assert names == [
        "card.json", "checkpoints", "curve.csv", "curve.png", "curve.svg", "events.tfevents", "model.zip",
        "validation.npz",
    ]  # fmt: skip
    assert [path.name for path in trained.parent.iterdir()] == ["model"]
    with (trained / "curve.csv").open(encoding="utf-8") as file:
        assert [row["chapter"] for row in csv.DictReader(file)] == ["1", "2"]


def test_the_log_has_what_the_algorithm_says_of_itself(trained: Path) -> None:
    content = (trained / "events.tfevents").read_bytes()
    assert len(list(records(content))) == 3
    for tag in (b"validation/share", b"street/reward", b"train/value_loss", b"train/approx_kl"):
        assert content.count(tag) == 2


def test_the_card_says_how_it_was_trained(trained: Path) -> None:
    card = told(trained)
    assert str(card["command"]).startswith("autonomy train --method ppo --budget 800")
    assert (card["method"], card["seed"], card["forecast"]) == ("ppo", 3, "7-day-mean")
    assert card["recipe"] == json.loads(
        json.dumps(asdict(recipe_of(PpoRecipe(), Order(seed=3, settings={"steps": "800", **SHORT}, command=""))))
    )
    assert len(str(card["sha256"])) == len(str(card["data_sha256"])) == 64
    assert card["steps"] >= 800
    assert card["observation"] == {"horizon": 24, "numbers": 194, "table": "autonomy.observing, of a prosumer"}


def test_the_model_runs(trained: Path) -> None:
    community, day = Community.demo(), Scenario.demo().window(100, 24)
    controller = Controller(community, policy=load_policy(str(trained / "model.zip")))
    assert roll_out(Simulator(community, day), controller, name="ppo").violations == ()


def test_the_optimum_is_worked_out_once(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("worked out again")

    weeks = split(Scenario.demo())
    known = marks(weeks, VALIDATING[:1], weeks=1, file=trained / "validation.npz")
    monkeypatch.setattr("autonomy.learning.validation.optimal_dispatch", never)
    again = marks(weeks, VALIDATING[:1], weeks=1, file=trained / "validation.npz")
    assert (again.optimum == known.optimum).all()
    with pytest.raises(AssertionError, match="worked out again"):
        marks(weeks, VALIDATING[1:2], weeks=1, file=trained / "validation.npz")


@pytest.mark.parametrize("method_name", LITTLE)
def test_a_training_that_is_killed_goes_on_where_it_was(method_name: str, tmp_path: Path) -> None:
    whole, words = tmp_path / "whole", ["train", *LITTLE[method_name], "--seed", "3", "--out", str(tmp_path / "model")]
    assert main([*words[:-1], str(whole)]) == EXIT_OK
    part, started = tmp_path / "model.unfinished", time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", KILLED, *words], env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not list(part.glob("checkpoints/chapter-*")):
        assert process.poll() is None
        assert time.monotonic() - started < 300.0
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "model").exists()
    assert main(words) == EXIT_ERROR  # what was done is not thrown away by accident
    assert main([*words, "--resume"]) == EXIT_OK
    assert not part.exists()
    assert hash_in(tmp_path / "model") == hash_in(whole)
    logged = [(folder / "events.tfevents").read_bytes() for folder in (tmp_path / "model", whole)]
    first, second = ([record.step for record in records(content)] for content in logged)
    assert first == second


def hash_in(folder: Path) -> object:
    return told(folder)["sha256"] if (folder / "card.json").exists() else read_weights(folder / "weights.npz").sha256


def test_a_training_that_is_interrupted_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", *QUICK, "--out", str(tmp_path / "model")]
    monkeypatch.setattr(method.curve, "write_table", interrupted)
    assert main(words) == EXIT_INTERRUPTED
    assert "--resume" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model.unfinished"]
    monkeypatch.undo()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


# Sweeps


def test_every_seed_is_trained_with_every_combination_of_settings() -> None:
    order = Order(settings={}, command="", forecasts=("intraday",))
    sweep = trainings("ppo", order, (0, 2), {"discount": ("0.9", "0.99"), "places": ("1",)})
    assert [one.label for one in sweep] == [
        "discount=0.9_seed=0", "discount=0.9_seed=2", "discount=0.99_seed=0", "discount=0.99_seed=2",
    ]  # fmt: skip
    assert sweep[1].order.settings == {"discount": "0.9", "places": "1"}
    assert sweep[1].order.command == (
        "autonomy train --method ppo --forecasts intraday --seed 2 --setting discount=0.9 --setting places=1"
    )


def test_settings_are_compared_by_the_mean_over_seeds() -> None:
    order = Order(settings={}, command="")
    sweep = trainings("ppo", order, (0, 1), {"discount": ("0.9", "0.99")})
    found = means([Result(one, score, 1.0) for one, score in zip(sweep, (0.5, 0.7, 0.8, 0.9), strict=True)])
    assert list(found) == ["discount=0.99", "discount=0.9"]
    assert found["discount=0.9"] == pytest.approx((0.6, 0.02**0.5, 2))


def test_a_sweep_leaves_a_folder_for_each_and_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sweep"
    assert main(["train", *QUICK, "--seeds", "0,3", "--out", str(out)]) == EXIT_OK
    assert sorted(path.name for path in out.iterdir()) == ["seed=0", "seed=3", "sweep.csv"]
    with (out / "sweep.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["folder"] for row in rows] == ["seed=0", "seed=3"]
    assert [float(row["score"]) for row in rows] == [told(out / row["folder"])["score"] for row in rows]
    assert str(told(out / "seed=3")["command"]).startswith("autonomy train --method ppo --seed 3 --setting steps=800")
    assert "as it is" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["sweep"]


def test_a_sweep_that_was_broken_off_trains_only_what_is_missing(tmp_path: Path) -> None:
    asked: list[int] = []

    def trains(order: Order, folder: Path, progress: object) -> object:
        asked.append(order.seed)
        if order.seed == 1 and len(asked) == 2:
            raise KeyboardInterrupt
        (folder / "curve.csv").write_text(f"score,cpu_s\n0.{order.seed},1\n")
        return Trained(folder / "model.zip", 0.5, 1.0)

    sweep = trainings("ppo", Order(settings={}, command=""), (0, 1, 2), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules["autonomy.learning.sweep"].METHODS, "ppo", trains)
        with pytest.raises(KeyboardInterrupt):
            list(here(sweep, tmp_path, lambda _: None))
        results = list(here(sweep, tmp_path, lambda _: None))
    assert asked == [0, 1, 1, 2]
    assert [result.score for result in results] == [0.0, 0.1, 0.2]


def test_the_machines_of_a_ray_cluster_train_the_same(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'autonomy-stack[ray]'")
    words = ["train", "--method", "gradient", "--seeds", "1", "--ray", "local", "--out", str(tmp_path / "sweep")]
    small = {"updates": 1, "communities": 1, "windows": 2, "least_h": 24, "most_h": 25}
    assert main([*words, *(f"--setting={name}={value}" for name, value in small.items())]) == EXIT_OK
    assert sorted(path.name for path in (tmp_path / "sweep" / "seed=1").iterdir()) == [
        "curve.csv", "curve.png", "curve.svg", "events.tfevents", "weights.npz",
    ]  # fmt: skip


def test_the_machines_of_a_ray_cluster_learn_the_same_by_trial(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'autonomy-stack[ray]'")
    # A single chapter, so that it is the best whatever validates: machines of the cluster know all weeks.
    words = ["train", *QUICK, "--budget", "400"]
    assert main([*words, "--seeds", "3,4", "--ray", "local", "--out", str(tmp_path / "sweep")]) == EXIT_OK
    hashes = set()
    for seed in (3, 4):
        there, here_too = tmp_path / "sweep" / f"seed={seed}", tmp_path / f"{seed}"
        assert main([*words, "--seed", str(seed), "--out", str(here_too)]) == EXIT_OK
        files = [{path.name for path in place.iterdir() if path.is_file()} for place in (there, here_too)]
        assert files[0] == files[1]
        assert told(there)["sha256"] == told(here_too)["sha256"]
        assert hash_of(PPO_ALGORITHM.read(there / "model.zip").policy) == told(there)["sha256"]
        hashes.add(told(there)["sha256"])
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--method", "ppo", "--seeds", "0,x"], "--seeds"),
        (["--method", "ppo", "--seeds", ","], "--seeds"),
        (["--method", "ppo", "--setting", "discount="], "NAME=NUMBER"),
        (["--method", "ppo", "--budget", "5", "--setting", "steps=6"], "each name once"),
        (["--method", "ppo", "--setting", "step=6"], "did you mean 'steps'"),
        (["--method", "sac", "--setting", "meaning=vibes"], "meaning"),
        (["--method", "sac", "--setting", "updates=0"], "updates"),
        (["--method", "ppo", "--seeds", "0", "--ray", "nonsense"], "--ray"),
        (["--method", "ppo", "--processes", "0"], "--processes"),
    ],
)
def test_wrong_words_are_refused(
    words: list[str], fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words, "--out", str(tmp_path / "out")]) == EXIT_ERROR
    assert fault in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
