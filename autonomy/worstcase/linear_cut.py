"""The least cut as the linear program that it is the optimum of: what the closed form is held to."""

from __future__ import annotations

import numpy as np

from autonomy.solvers.linear import LinearBuilder, LinearProgram
from autonomy.worstcase.cut import Point
from autonomy.worstcase.side import Limit, Side


def linear_cut(side: Side, point: Point) -> LinearProgram:
    """Return the program; its optimum is the least total cut in kW.

    minimise    Σ s
    subject to  f_i = (w_i − s_i) − (z_i − c_i) − β_i,   0 <= s <= w,  0 <= c <= z,  0 <= β <= a
                −K_i <= f_i <= K_i                        −far_l <= Σ_{i below l} f_i <= near_l
    """
    size, network = side.size, side.network
    wanted, eased, helped = (np.array([float(x) for x in row]) for row in (point.wanted, point.eased, side.help))
    builder = LinearBuilder()
    s = builder.columns((size,), cost=1.0, upper=wanted)
    c = builder.columns((size,), upper=eased)
    b = builder.columns((size,), upper=helped)
    connection = _floats(side.connection)
    rows = np.concatenate([np.eye(size), network.incidence])
    given = rows @ (wanted - eased)
    place = builder.rows(
        (len(rows),),
        lower=-np.concatenate([connection, _floats(side.far)]) - given,
        upper=np.concatenate([connection, _floats(side.near)]) - given,
    )
    row, who = np.nonzero(rows)
    for column, sign in ((s, -1.0), (c, 1.0), (b, -1.0)):
        builder.terms(place[row], column[who], sign)
    return builder.build()


def _floats(limits: tuple[Limit, ...]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([np.inf if limit is None else float(limit) for limit in limits])
