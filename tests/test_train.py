"""`autonomy train`: weights that run, a card that says how they were made, and no half-written folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from autonomy.cli import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, main
from autonomy.learning.draws import VALIDATING
from autonomy.learning.events import records
from autonomy.learning.gradient.method import LIMITS, recipe_of
from autonomy.learning.order import Order, cooked
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.validation import marks
from autonomy.learning.weights import read_weights
from autonomy.policies import load_policy

QUICK = ["--setting", "updates=2", "--setting", "communities=1", "--setting", "validate_every=1"]
QUICK += ["--setting", "windows=4", "--setting", "least_h=24", "--setting", "most_h=25"]


@pytest.fixture(scope="module", autouse=True)
def one_week_validates() -> Iterator[None]:
    """All weeks and communities take seconds; here one is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autonomy.learning.gradient.method.marks", partial(marks, variations=VALIDATING[:1], weeks=1))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train") / "weights"
    assert main(["train", "--seed", "3", "--forecasts", "intraday,perfect", *QUICK, "--out", str(folder)]) == EXIT_OK
    return folder


def test_the_folder_has_weights_and_the_curve(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "curve.csv", "curve.png", "curve.svg", "events.tfevents", "weights.npz",
    ]  # fmt: skip
    assert len(list(records((trained / "events.tfevents").read_bytes()))) == 3
    with (trained / "curve.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["update"] for row in rows] == ["1", "2"]
    assert all(0.5 < float(row["score"]) < 1.0 for row in rows)
    assert sorted(path.name for path in trained.parent.iterdir()) == ["weights"]


def test_the_card_says_how_to_train_them_again(trained: Path) -> None:
    card = read_weights(trained / "weights.npz").card
    assert card.command.startswith("autonomy train --seed 3 --forecasts intraday,perfect")
    assert (card.seed, card.method, card.forecast, card.limits) == (3, "gradient", "intraday, perfect", LIMITS)
    assert card.cpu_s > 0
    assert len(card.data_sha256) == 64


def test_the_weights_are_a_policy(trained: Path) -> None:
    policy = load_policy(str(trained / "weights.npz"))
    assert isinstance(policy, LearnedPolicy)
    assert policy.card is not None


def test_the_same_command_gives_the_same_weights_and_replaces_the_folder(trained: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    words = ["train", "--seed", "3", "--forecasts", "intraday,perfect", *QUICK, "--out", str(again)]
    assert main(words) == main(words) == EXIT_OK
    assert read_weights(again / "weights.npz").sha256 == read_weights(trained / "weights.npz").sha256


def test_a_training_that_is_interrupted_goes_on(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--seed", "3", "--forecasts", "intraday,perfect", *QUICK, "--out", str(tmp_path / "weights")]
    monkeypatch.setattr("autonomy.learning.gradient.method.write_weights", interrupted)
    assert main(words) == EXIT_INTERRUPTED
    assert "--resume" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr("autonomy.learning.gradient.method.marks", partial(marks, variations=VALIDATING[:1], weeks=1))
    assert main([*words, "--resume"]) == EXIT_OK
    assert read_weights(tmp_path / "weights/weights.npz").sha256 == read_weights(trained / "weights.npz").sha256
    assert not (tmp_path / "weights" / "checkpoints").exists()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "magic"], "'magic' is not known"),
        (["--forecasts", "horoscope"], "'horoscope' is not known"),
        (["--seed", "-1"], "--seed"),
        (["--setting", "updates"], "NAME=NUMBER"),
        (["--setting", "updates=2", "--setting", "updates=3"], "each name once"),
        (["--setting", "update=2"], "did you mean 'updates'"),
        (["--setting", "updates=few"], "a whole number"),
        (["--setting", "learning_rate=fast"], "a number"),
        (["--setting", "updates=0"], "updates"),
        (["--setting", "forecasts=perfect"], "option of its own"),
    ],
)
def test_wrong_words_are_refused_before_any_work(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words, "--out", str(tmp_path / "out")]) == EXIT_ERROR
    assert told in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_another_folder_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "diary.txt").write_text("mine")
    assert main(["train", *QUICK, "--out", str(tmp_path / "out")]) == EXIT_ERROR
    assert "choose a new folder" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "out" / "diary.txt").read_text() == "mine"


def test_a_training_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autonomy.learning.gradient.method.train", interrupted)
    assert main(["train", *QUICK, "--out", str(tmp_path / "out")]) != EXIT_OK
    assert not list(tmp_path.iterdir())


def test_settings_become_numbers_of_the_recipe() -> None:
    order = Order(seed=2, forecasts=("perfect",), settings={"updates": "7", "carbon_price_per_kg": "1"}, command="")
    recipe = recipe_of(order)
    assert (recipe.seed, recipe.updates, recipe.forecasts) == (2, 7, ("perfect",))
    assert recipe.prices == {"carbon_price_per_kg": 1.0}
    assert cooked(recipe, {"learning_rate": "1e-3"}).learning_rate == 1e-3
