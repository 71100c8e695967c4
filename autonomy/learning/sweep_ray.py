"""The trainings of a sweep as tasks of a Ray cluster; what a machine trained comes back as files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import autonomy
from autonomy.benchmark.dispatch.workers.connection import OPTION, connected
from autonomy.errors import ConfigError
from autonomy.learning.methods import METHODS
from autonomy.learning.sweep import Result, Training, result_of
from autonomy.learning.unfinished import unfinished

RETRIES = 2
"""How often a training is begun anew whose machine or process died: it takes the checkpoints along."""


def ray_cluster(sweep: Sequence[Training], folder: Path, *, address: str, workers: int) -> Iterator[Result]:
    """Train on a cluster where there is no finished folder yet, as trainings finish.

    A worker trains one at a time, on one thread. Checkpoints stay on its machine and die with it, so what is lost is
    trained from the start, the same weights again.

    Args:
        sweep: What to train.
        folder: Of the folders.
        address: As of `autonomy benchmark dispatch --ray`.
        workers: How many at once where the cluster is started here.

    Raises:
        OptionalDependencyError: Ray is not installed.
        ConfigError: nobody listens at the address, a machine has another version of the package, or a training failed.
    """
    places = {training.label: folder / training.label for training in sweep}
    missing = [training for training in sweep if not places[training.label].is_dir()]
    for training in sweep:
        if training not in missing:
            yield result_of(training, places[training.label])
    if not missing:
        return
    with connected(address, workers) as ray:
        task = ray.remote(max_retries=RETRIES)(_trained)
        running = {task.remote(training, autonomy.__version__): training for training in missing}
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            training = running.pop(done)
            _leave(_answer(ray, done, training), places[training.label])
            yield result_of(training, places[training.label])


def _trained(training: Training, version: str) -> dict[str, bytes]:
    """Train on this machine and return the finished folder's files by name."""
    if version != autonomy.__version__:
        raise ConfigError(OPTION, "", f"this machine has version {autonomy.__version__} of the package, not {version}")
    with tempfile.TemporaryDirectory(prefix="autonomy-train-") as place:
        METHODS[training.method](replace(training.order, resume=False), Path(place), lambda _: None)
        return {path.name: path.read_bytes() for path in Path(place).iterdir() if path.is_file()}


def _answer(ray: Any, done: Any, training: Training) -> dict[str, bytes]:
    try:
        files: dict[str, bytes] = ray.get(done)
    except ray.exceptions.RayTaskError as fault:
        reason = str(fault.cause or fault).strip().splitlines()[-1]
        raise ConfigError(OPTION, "", f"{training.label} failed on a machine of the cluster: {reason}") from None
    except ray.exceptions.RayError as fault:
        raise ConfigError(OPTION, "", f"{training.label} was lost {RETRIES + 1} times: {fault}") from None
    return files


def _leave(files: dict[str, bytes], place: Path) -> None:
    """Write a finished folder, complete or not at all."""
    part = unfinished(place)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for name, content in files.items():
        (part / name).write_bytes(content)
    part.rename(place)
