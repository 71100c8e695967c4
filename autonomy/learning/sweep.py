"""Several trainings by one method: every seed with every combination of settings, here or on a Ray cluster.

Each has a folder of its own, named by what is different. What is finished is not trained again.
"""

from __future__ import annotations

import csv
import io
import itertools
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from autonomy.learning.curve import CURVE
from autonomy.learning.methods import METHODS
from autonomy.learning.order import Order, Progress
from autonomy.learning.unfinished import train_unfinished, unfinished

TABLE = "sweep.csv"
SEED = "seed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """One of a sweep.

    Attributes:
        method: Its name.
        order: What is asked of it.
        varied: What is different between the trainings, by name, but the seed.
    """

    method: str
    order: Order
    varied: Mapping[str, str]

    @property
    def setting(self) -> str:
        """What it shares with those that have another seed; empty where nothing else is different."""
        return "_".join(f"{name}={value}" for name, value in self.varied.items())

    @property
    def label(self) -> str:
        """Name of its folder."""
        return "_".join([*([self.setting] if self.setting else []), f"{SEED}={self.order.seed}"])


class Result(NamedTuple):
    """What became of a training.

    Attributes:
        training: Which.
        score: Best share of the achievable saving in the weeks that validate.
        cpu_s: Seconds of processor time.
    """

    training: Training
    score: float
    cpu_s: float


def trainings(method: str, order: Order, seeds: Sequence[int], settings: Mapping[str, Sequence[str]]) -> list[Training]:
    """Return every seed with every combination of settings.

    Args:
        method: Its name.
        order: What all share.
        seeds: At least one.
        settings: The values of each.
    """
    several = [name for name, values in settings.items() if len(values) > 1]
    found = []
    for values in itertools.product(*settings.values()):
        chosen = dict(zip(settings, values, strict=True))
        for seed in seeds:
            own = replace(order, seed=seed, settings=chosen)
            own = replace(own, command=command_of(method, own))
            found.append(Training(method=method, order=own, varied={name: chosen[name] for name in several}))
    return found


def command_of(method: str, order: Order) -> str:
    """Return the command that trains one of a sweep by itself."""
    forecasts = [] if order.forecasts is None else ["--forecasts", ",".join(order.forecasts)]
    settings = [word for name, value in order.settings.items() for word in ("--setting", f"{name}={value}")]
    source = ["--from", order.source] if order.source else []
    return shlex.join(
        ["autonomy", "train", "--method", method, *source, *forecasts, "--seed", str(order.seed), *settings]
    )


def here(sweep: Sequence[Training], folder: Path, progress: Callable[[Progress], None]) -> Iterator[Result]:
    """Train one after the other in this process, where there is no finished folder yet."""
    for training in sweep:
        place = folder / training.label
        if not place.is_dir():
            train_unfinished(METHODS[training.method], replace(training.order, resume=True), place, progress)
            unfinished(place).rename(place)
        yield result_of(training, place)


def result_of(training: Training, place: Path) -> Result:
    """Return what a finished folder says."""
    with (place / f"{CURVE}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Result(training, max(float(row["score"]) for row in rows), float(rows[-1]["cpu_s"]))


def means(results: Sequence[Result]) -> dict[str, tuple[float, float, int]]:
    """Return mean, standard deviation and number of the scores of each setting, the best first."""
    scores: dict[str, list[float]] = {}
    for result in results:
        scores.setdefault(result.training.setting, []).append(result.score)
    found = {
        name: (float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, len(values))
        for name, values in scores.items()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))


def write_table(results: Sequence[Result], folder: Path) -> None:
    """Write `sweep.csv`, a line a training."""
    text = io.StringIO(newline="")
    names = list(results[0].training.varied)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["folder", *names, SEED, "score", "cpu_s"])
    for training, score, cpu_s in results:
        writer.writerow([training.label, *training.varied.values(), training.order.seed, repr(score), f"{cpu_s:.1f}"])
    (folder / TABLE).write_text(text.getvalue(), encoding="utf-8")
