"""What each kind of fault does to a series of numbers: pure functions of what is true, and of nothing else.

v is the true value of now, v(−j) that of j steps ago, k the number of steps since onset (0 at onset).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autonomy.faults.fault import Fault
from autonomy.faults.words import Kind, Scope
from autonomy.layers.arrays import Matrix, Vector

DELAYS = (1, 2, 4)
"""Steps by which a delayed value is late: small, medium, large."""
LOOPS = (24, 6, 2)
"""Steps of the recording that a replay repeats: a day is the most plausible one."""
PARTNERS = (1, 2, 4)
"""How many places further the prosumer stands whose value is shown after a swap."""
FACTORS = (1.1, 1.5, 4.0)
"""Factor of a scale fault, or its inverse."""
RATES = (0.5, 0.25, 4.0)
"""Speed of a clock with a wrong time step."""
HONESTY = (0.75, 0.5, 0.0)
"""Share of the truth in a lie."""
OVERFLOW = 32767.0
"""Times the unit: what a meter with sixteen bits shows when it overflows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How large faults are on a channel, in its unit; three numbers are small, medium, large.

    Attributes:
        offset: Size of bias, drift at its end, and noise (one standard deviation).
        units: Factors between the right unit and wrong ones.
        low: (N,) what the meter shows at its lower rail.
        high: (N,) what it shows at its upper rail.
        overflow: What it shows when it overflows.
        mirror: (N,) twice the centre about which a lie reflects the truth.
    """

    offset: tuple[float, float, float]
    units: tuple[float, float, float]
    low: Vector
    high: Vector
    overflow: float
    mirror: Vector


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Moment:
    """A fault at one step, and everything that its effect depends on.

    Attributes:
        fault: The fault.
        k: Steps since onset, >= 0.
        past: (T, N) true values, the last row is now; row T − 1 − k is the onset.
        sizes: How large things are on this channel.
        sign: 1.0 or −1.0, drawn for the run: the direction of bias, drift and scale.
        seed: Seed of this step's noise.
    """

    fault: Fault
    k: int
    past: Matrix
    sizes: Sizes
    sign: float
    seed: tuple[int, ...] = (0,)

    @property
    def place(self) -> int:
        """0, 1 or 2 for small, medium, large."""
        return self.fault.severity.place

    @property
    def now(self) -> Vector:
        """(N,) the truth."""
        values: Vector = self.past[-1]
        return values

    @property
    def before(self) -> Vector:
        """(N,) the last value before the onset, or the first that is known."""
        values: Vector = self.past[max(self.past.shape[0] - 2 - self.k, 0)]
        return values


def distort(moment: Moment) -> Vector:
    """Return (N,) what is seen instead of the truth if everybody is struck.

    Raises:
        KeyError: the kind is nothing that can happen to a number (see `DISTORTIONS`).
    """
    return DISTORTIONS[moment.fault.kind](moment)


def _nan(m: Moment) -> Vector:
    """Show NaN, in a third, two thirds, or all of the steps."""
    return np.full_like(m.now, np.nan) if m.fault.comes_and_goes(m.k) else m.now


def _rail(m: Moment) -> Vector:
    """Show the lower rail, the upper rail, or the overflow code."""
    return (m.sizes.low, m.sizes.high, np.full_like(m.now, m.sizes.overflow))[m.place]


def _stuck(m: Moment) -> Vector:
    """Show v(onset − 1), for a third, two thirds, or all of the steps."""
    return m.before if m.fault.holds_on(m.k) else m.now


def _bias(m: Moment) -> Vector:
    """Show v ± δ."""
    return m.now + m.sign * m.sizes.offset[m.place]


def _drift(m: Moment) -> Vector:
    """Show v ± δ·(k + 1)/steps."""
    return m.now + m.sign * m.sizes.offset[m.place] * (m.k + 1) / m.fault.steps


def _noise(m: Moment) -> Vector:
    """Show v + δ·ξ, ξ standard normal, independent over steps and prosumers."""
    return m.now + m.sizes.offset[m.place] * np.random.default_rng(m.seed).standard_normal(m.now.size)


def _scale(m: Moment) -> Vector:
    """Show v·f or v/f, f = 1.1, 1.5, 4."""
    return m.now * (FACTORS[m.place] if m.sign > 0 else 1.0 / FACTORS[m.place])


def _sign(m: Moment) -> Vector:
    """Show −v, in a third, two thirds, or all of the steps."""
    return -m.now if m.fault.comes_and_goes(m.k) else m.now


def _unit(m: Moment) -> Vector:
    """Show v·u, u the factor between two units."""
    return m.now * m.sizes.units[m.place]


def _delay(m: Moment) -> Vector:
    """Show v(−1), v(−2), v(−4)."""
    late: Vector = m.past[max(m.past.shape[0] - 1 - DELAYS[m.place], 0)]
    return late


def _replay(m: Moment) -> Vector:
    """Show the last 24, 6 or 2 values before the onset, over and over."""
    onset = m.past.shape[0] - 1 - m.k
    loop = min(LOOPS[m.place], onset)
    recorded: Vector = m.past[onset - loop + m.k % loop] if loop else m.now
    return recorded


def _swap(m: Moment) -> Vector:
    """v_i → v_(i+1), v_(i+2), v_(i+4), counted round; for one prosumer: changes places with that one."""
    return np.roll(m.now, -PARTNERS[m.place])


def _wrong_dt(m: Moment) -> Vector:
    """Show v(onset − 1) + f·(v − v(onset − 1)), f = 1/2, 1/4, 4."""
    return m.before + RATES[m.place] * (m.now - m.before)


def _lie(m: Moment) -> Vector:
    """Show h·v + (1 − h)·(mirror − v), h = 3/4, 1/2, 0: full reads empty, much reads little."""
    honest = HONESTY[m.place]
    return honest * m.now + (1.0 - honest) * (m.sizes.mirror - m.now)


DISTORTIONS: dict[Kind, Callable[[Moment], Vector]] = {
    Kind.NAN: _nan,
    Kind.RAIL: _rail,
    Kind.STUCK: _stuck,
    Kind.BIAS: _bias,
    Kind.DRIFT: _drift,
    Kind.NOISE: _noise,
    Kind.SCALE: _scale,
    Kind.SIGN: _sign,
    Kind.UNIT: _unit,
    Kind.DELAY: _delay,
    Kind.REPLAY: _replay,
    Kind.SWAP: _swap,
    Kind.WRONG_DT: _wrong_dt,
    Kind.LIE: _lie,
}
"""What each kind does to numbers; the first line of each docstring is its formula."""


def seen(moment: Moment, victim: int) -> Vector:
    """Return (N,) what is seen when the fault strikes the community, or prosumer `victim` alone."""
    faulty = distort(moment)
    if moment.fault.scope is Scope.COMMUNITY or moment.now.size == 1:
        return faulty
    shown = moment.now.copy()
    shown[victim] = faulty[victim]
    if moment.fault.kind is Kind.SWAP:
        other = (victim + PARTNERS[moment.place]) % shown.size
        shown[other] = moment.now[victim]
    return shown
