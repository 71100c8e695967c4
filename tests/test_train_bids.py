"""`autonomy train --method bids`: bids are learned by a command, and the batteries are those of the weights before."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from autonomy.cli import EXIT_ERROR, EXIT_OK, main
from autonomy.learning.bidding.method import LIMITS, source_of
from autonomy.learning.bidding.school import exams
from autonomy.learning.draws import VALIDATING
from autonomy.learning.gates import PRICE, TRADE
from autonomy.learning.shipped import FOLDER
from autonomy.learning.weights import read_weights, write_weights
from autonomy.policies import load_policy

QUICK = ["--setting", "updates=4", "--setting", "communities=1", "--setting", "every_week=16"]
QUICK += ["--setting", "validate_every=2", "--forecasts", "persistence"]


@pytest.fixture(scope="module", autouse=True)
def one_community_validates() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autonomy.learning.bidding.learn.exams", partial(exams, variations=VALIDATING[1:2]))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("train")
    (place / "before").mkdir()
    shutil.copy(FOLDER / "learned-1.npz", place / "before" / "weights.npz")
    words = ["train", "--method", "bids", "--from", str(place / "before"), "--seed", "3", *QUICK]
    assert main([*words, "--out", str(place / "after")]) == EXIT_OK
    return place


def test_batteries_are_those_of_the_weights_before_bit_for_bit(trained: Path) -> None:
    (before,), (after,) = (read_weights(trained / name / "weights.npz").networks for name in ("before", "after"))
    for name in ("first", "second", "third", "own", "stored", "first_bias", "second_bias", "third_bias"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    np.testing.assert_array_equal(after.last[:TRADE], before.last[:TRADE])
    np.testing.assert_array_equal(after.last_bias[:TRADE], before.last_bias[:TRADE])
    assert (after.last[PRICE] != before.last[PRICE]).any()


def test_the_card_has_both_commands_and_what_the_bids_were_chosen_by(trained: Path) -> None:
    before, after = (read_weights(trained / name / "weights.npz").card for name in ("before", "after"))
    first, _, then = after.command.partition(" && ")
    assert first == before.command.partition(" && ")[0]
    assert then.startswith("autonomy train --method bids --from ")
    assert "--seed 3" in then
    assert (after.seed, after.score, after.method, after.prices) == (1, before.score, "gradient", before.prices)
    assert after.limits.endswith(LIMITS)
    assert after.bid_score is not None
    assert 0.0 < after.bid_score < 1.0
    assert after.cpu_s > before.cpu_s


def test_the_curve_has_what_could_be_gained_and_what_was_lost(trained: Path) -> None:
    with (trained / "after" / "curve.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["update"] for row in rows] == ["2", "4"]
    assert max(float(row["score"]) for row in rows) == read_weights(trained / "after" / "weights.npz").card.bid_score
    assert all(float(row["gain"]) > 0.0 for row in rows)


def test_a_second_lesson_begins_anew_and_replaces_the_first_on_the_card(trained: Path) -> None:
    words = ["train", "--method", "bids", "--from", str(trained / "after"), "--seed", "3", *QUICK]
    assert main([*words, "--out", str(trained / "again")]) == EXIT_OK
    again, after = (read_weights(trained / name / "weights.npz") for name in ("again", "after"))
    assert again.sha256 == after.sha256
    assert again.card.command.count(" && ") == 1
    assert again.card.limits == after.card.limits


def test_the_weights_are_a_policy(trained: Path) -> None:
    assert load_policy(str(trained / "after" / "weights.npz"))


def test_weights_that_ship_are_found_by_name() -> None:
    assert source_of("learned-flat").sha256 == read_weights(FOLDER / "learned-flat.npz").sha256


def test_several_networks_in_one_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = read_weights(FOLDER / "learned-0.npz")
    write_weights(tmp_path / "two.npz", [*weights.networks, *weights.networks], weights.card)
    words = ["train", "--method", "bids", "--from", str(tmp_path / "two.npz"), "--out", str(tmp_path / "out")]
    assert main(words) == EXIT_ERROR
    assert "holds 2 networks" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "bids"], "weights whose batteries are trained"),
        (["--method", "bids", "--from", "nowhere"], "no file 'nowhere'"),
        (["--method", "bids", "--from", "learned"], "no file 'learned'"),
        (["--method", "gradient", "--from", "learned-0"], "begins with nothing"),
        (["--method", "bids", "--from", "learned-0", "--ray", "local"], "expected no cluster"),
        (["--method", "bids", "--from", "learned-0", "--setting", "patience=1"], "is no setting"),
        (["--method", "bids", "--from", "learned-0", "--setting", "markets=0"], "markets"),
    ],
)
def test_wrong_words_are_refused_before_any_work(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words, "--out", str(tmp_path / "out")]) == EXIT_ERROR
    assert told in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
