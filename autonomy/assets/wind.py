"""A wind turbine with weather of its own: Weibull speeds that are alike from one hour to the next, and a power curve.

Measured wind needs nothing of this: it is generation, and goes into the data file's `pv_kw` columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, gamma, sqrt

import numpy as np

from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.errors import ModelError

WARM_UP = 512
"""Steps of weather that are thrown away, so that the first step is as usual as any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wind:
    """One turbine.

    Attributes:
        prosumer: The name of the prosumer whose generation it adds to.
        rated_kw: kW > 0.
        mean_speed: m/s > 0, mean of the speeds at the hub.
        shape: Shape of the Weibull distribution > 0; 2 is the Rayleigh distribution.
        persistence: Correlation of the weather from one hour to the next, in [0, 1).
        cut_in: m/s, speed from which it turns.
        rated_speed: m/s > cut_in, speed from which it gives its rated power.
        cut_out: m/s > rated_speed, speed at which it is stopped.

    Raises:
        ModelError: a field is out of its range.
    """

    prosumer: str
    rated_kw: float
    mean_speed: float = 6.0
    shape: float = 2.0
    persistence: float = 0.95
    cut_in: float = 3.0
    rated_speed: float = 11.0
    cut_out: float = 25.0

    def __post_init__(self) -> None:
        for name in ("rated_kw", "mean_speed", "shape"):
            if not 0 < getattr(self, name) < np.inf:
                raise ModelError(name, getattr(self, name), "a finite number > 0")
        if not 0 <= self.persistence < 1:
            raise ModelError("persistence", self.persistence, "a correlation in 0..1, less than 1")
        if not 0 <= self.cut_in < self.rated_speed < self.cut_out < np.inf:
            speeds = [self.cut_in, self.rated_speed, self.cut_out]
            raise ModelError("rated_speed", speeds, "cut_in, rated_speed and cut_out in rising order")

    def power_kw(self, speed: Vector) -> Vector:
        """Return kW for wind speeds in m/s: with the cube of the speed between cut-in and rated.

        P = rated·(v³ − v_in³)/(v_rated³ − v_in³)
        """
        share = (speed**3 - self.cut_in**3) / (self.rated_speed**3 - self.cut_in**3)
        turning = (speed >= self.cut_in) & (speed < self.cut_out)
        power: Vector = np.where(turning, self.rated_kw * np.clip(share, 0.0, 1.0), 0.0)
        return power

    def speeds(self, steps: int, timestep_h: float, seed: tuple[int, ...]) -> Vector:
        """Return (steps,) m/s, by the seed alone: an AR(1) process [Brown1984] made Weibull-distributed [Carta2009].

            z_{k+1} = φ·z_k + √(1 − φ²)·ε        φ = persistence^dt        v = scale·(−ln Q(z))^(1/shape)

        Q is the upper tail of the normal distribution; the scale makes the mean what is stated.
        """
        noise = np.random.default_rng(seed).standard_normal(WARM_UP + steps)
        alike = self.persistence**timestep_h
        fresh, z = sqrt(1.0 - alike**2), float(noise[0])
        tail = np.empty(WARM_UP + steps)
        for k, epsilon in enumerate(noise.tolist()):
            z = alike * z + fresh * epsilon if k else z
            tail[k] = 0.5 * erfc(z / sqrt(2.0))
        scale = self.mean_speed / gamma(1.0 + 1.0 / self.shape)
        speed: Vector = frozen(scale * (-np.log(np.maximum(tail[WARM_UP:], 1e-300))) ** (1.0 / self.shape))
        return speed
