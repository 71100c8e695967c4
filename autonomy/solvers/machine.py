"""The loops of a step in machine code: each replaces some twenty NumPy calls, which cost more than their arithmetic.

Whoever uses one has the same in NumPy, and takes that where a loop declines or there is no machine code at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple


class Machine(NamedTuple):
    """The functions; their own files say what they do.

    Attributes:
        glance: `autonomy.solvers.kernel.room.glance`.
        share_out: `autonomy.solvers.kernel.level.share_out`.
        settle: `autonomy.solvers.kernel.grid.settle`.
        finish: `autonomy.solvers.kernel.within.finish`.
        carry: `autonomy.solvers.kernel.carry.carry`.
    """

    glance: Callable[..., bool]
    share_out: Callable[..., bool]
    settle: Callable[..., tuple[bool, bool]]
    finish: Callable[..., tuple[bool, bool, float]]
    carry: Callable[..., bool]


@cache
def load_machine() -> Machine | None:
    """Return the functions, or None where Numba cannot be loaded or cannot compile."""
    try:
        return _loaded()
    except Exception:  # noqa: BLE001 - whatever is wrong with the compiler, nothing depends on it
        return None


def _loaded() -> Machine:
    # Loads Numba, and compiles the first time.
    from autonomy.solvers.kernel.carry import carry  # noqa: PLC0415
    from autonomy.solvers.kernel.grid import settle  # noqa: PLC0415
    from autonomy.solvers.kernel.level import share_out  # noqa: PLC0415
    from autonomy.solvers.kernel.room import glance  # noqa: PLC0415
    from autonomy.solvers.kernel.within import finish  # noqa: PLC0415

    return Machine(glance=glance, share_out=share_out, settle=settle, finish=finish, carry=carry)
