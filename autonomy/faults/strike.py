"""A fault in one run: whom it hits, in which direction, and with which noise."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.faults.fault import Fault
from autonomy.faults.signal import Moment, Sizes
from autonomy.layers.arrays import Matrix


@dataclass(frozen=True, kw_only=True, slots=True)
class Strike:
    """A fault and what chance decided about it.

    Attributes:
        fault: The fault.
        sizes: How large things are on its channel, None where its faults are no numbers.
        victim: Index of the prosumer that is hit when only one is.
        sign: 1.0 or −1.0, the direction of bias, drift and scale.
        seed: Seed of its noise.
    """

    fault: Fault
    sizes: Sizes | None
    victim: int
    sign: float
    seed: int

    def moment(self, past: Matrix, k: int) -> Moment:
        """Return the fault at one step, k steps after its onset; `past` is (T, N), the last row is now.

        Raises:
            ValueError: the channel's faults are no numbers.
        """
        if self.sizes is None:
            raise ValueError(f"no number is distorted on the channel {self.fault.channel}")
        return Moment(fault=self.fault, k=k, past=past, sizes=self.sizes, sign=self.sign, seed=(self.seed, k))
