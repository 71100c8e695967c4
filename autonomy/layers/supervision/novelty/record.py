"""The calibration: everything a novelty watch knows, frozen, versioned, hashed, and kept in one file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.layers.arrays import Matrix, Vector, frozen
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.novelty.conformal import rate_upper, threshold
from autonomy.layers.supervision.novelty.yardstick import Yardstick

VERSION = 2
CODE = ("moment.py", "features.py", "yardstick.py", "repeats.py")
"""Files that decide what a score is: a calibration made by other ones is not used."""
ARRAYS = ("unit_kw", "day_scores", "repeat_rarity", "repeat_scores")
PARTS = ("middle", "up", "down", "offset", "slope")
YARDSTICKS = ("prosumers", "community")


def code_sha256() -> str:
    """Return the hash of the source that makes scores of measurements."""
    folder = Path(__file__).parent
    return hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in CODE)).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Calibration:
    """What was learnt from training days, and how the calibration days scored.

    Attributes:
        names: N names of the prosumers.
        slots: Steps per day.
        alpha: False alarms per day that are allowed, half of them about the community, half about any prosumer.
        drift_alpha: Probability of any false alarm of drift in a life of `life_days`, divided likewise.
        life_days: Days after which the martingales begin anew.
        repeat_alpha: False alarms per day that are allowed about stuck meters.
        unit_kw: (2, N) kW, mean PV and demand of the training days.
        prosumers: The yardstick of the prosumers' figures.
        community: The yardstick of the community's figures; N is 1 in it.
        day_scores: (n, N + 1) largest score of each calibration day, of every prosumer and last of the community; NaN
            where there was nothing to say.
        repeat_rarity: (2, N) what one repeat of PV and of demand scores, see `repeats.py`.
        repeat_scores: (n,) largest score of repeats of any meter on each calibration day.
        training_days: How many days the yardsticks were fitted to.
        source: Where the data are from.
        data_sha256: Hash of the data.
        code_sha256: Hash of the code that scored them, see `code_sha256`.
    """

    names: tuple[str, ...]
    slots: int
    alpha: float
    drift_alpha: float
    life_days: int
    repeat_alpha: float
    unit_kw: Matrix
    prosumers: Yardstick
    community: Yardstick
    day_scores: Matrix
    repeat_rarity: Matrix
    repeat_scores: Vector
    training_days: int
    source: str
    data_sha256: str
    code_sha256: str

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "names", tuple(self.names))
        if not 0 < self.drift_alpha < 1:
            raise ModelError("drift_alpha", self.drift_alpha, "a probability between 0 and 1")
        if not self.life_days >= 1:
            raise ModelError("life_days", self.life_days, "a number of days >= 1")
        self.prosumer_threshold, self.community_threshold, self.repeat_threshold  # noqa: B018 - raises when there are too few days

    @property
    def n_days(self) -> int:
        """Number of calibration days n."""
        return int(self.day_scores.shape[0])

    @property
    def prosumer_threshold(self) -> float:
        """Score above which a prosumer is novel; the largest of all prosumers exceeds it on alpha/2 of the days."""
        return threshold(np.fmax.reduce(self.day_scores[:, :-1], axis=1), self.alpha / 2)

    @property
    def community_threshold(self) -> float:
        """Score above which the community is novel, on alpha/2 of the days."""
        return threshold(self.day_scores[:, -1], self.alpha / 2)

    @property
    def rate_upper(self) -> float:
        """Bound on the true rate of false alarms per day of each half, at 95 % confidence over calibrations."""
        return rate_upper(self.n_days, self.alpha / 2)

    @property
    def repeat_threshold(self) -> float:
        """Score of repeats above which a meter is stuck; the largest of all exceeds it on repeat_alpha of the days."""
        return threshold(self.repeat_scores, self.repeat_alpha)

    @property
    def repeat_rate_upper(self) -> float:
        """Bound on the true rate of false alarms about stuck meters, likewise."""
        return rate_upper(self.n_days, self.repeat_alpha)

    @property
    def sha256(self) -> str:
        """Hash of everything above."""
        digest = hashlib.sha256(self._header().encode())
        for name, values in sorted(self._arrays().items()):
            digest.update(name.encode() + repr(values.shape).encode() + values.astype("<f8").tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write a NumPy archive; the same calibration always gives the same content."""
        header = {"version": VERSION, "sha256": self.sha256, "calibration": json.loads(self._header())}
        with Path(path).open("wb") as file:
            np.savez(file, header=np.array(json.dumps(header, sort_keys=True)), allow_pickle=False, **self._arrays())

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read what `save` wrote.

        Raises:
            ModelError: the file is no calibration, was changed, or was made by another version of the code.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                header = json.loads(str(archive["header"]))
                found = {name: archive[name] for name in archive.files if name != "header"}
            if header["version"] != VERSION:
                raise ModelError("version", header["version"], f"{VERSION}; calibrate again")
            yardsticks = {kind: Yardstick(**{part: found[f"{kind}_{part}"] for part in PARTS}) for kind in YARDSTICKS}
            plain: dict[str, Any] = header["calibration"]
            kept: dict[str, Any] = {**plain, **yardsticks, **{name: found[name] for name in ARRAYS}}
            made = cls(**kept)
            stated = header["sha256"]
        except (OSError, KeyError, TypeError, ValueError) as fault:
            if isinstance(fault, ModelError):
                raise
            raise ModelError("path", str(path), f"a file written by Calibration.save ({fault})") from None
        if made.sha256 != stated:
            raise ModelError("sha256", made.sha256, f"{stated}: the file was changed")
        if made.code_sha256 != code_sha256():
            raise ModelError("code_sha256", made.code_sha256, "the hash of this version's scores; calibrate again")
        return made

    def _header(self) -> str:
        kept = {item.name for item in fields(self)} - set(ARRAYS) - set(YARDSTICKS)
        return json.dumps({name: getattr(self, name) for name in kept}, sort_keys=True)

    def _arrays(self) -> dict[str, Matrix]:
        parts = {f"{kind}_{part}": getattr(getattr(self, kind), part) for kind in YARDSTICKS for part in PARTS}
        return {name: getattr(self, name) for name in ARRAYS} | parts
