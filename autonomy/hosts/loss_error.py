"""How far the model's line losses can be from those of an alternating-current power flow: a bound, not a measurement.

The model loses r̂·f² in a line, f being its own flow, at nominal voltage and without reactive power. The power flow
[BaranWu1989] loses r̂·ℓ, with f and q the flows at the line's downstream bus (kW, kvar, + = towards the grid), v the
squared voltage there per unit, and r̂, x̂ = 1000·r/V², 1000·x/V² per kW:

    ℓ = (f² + q²)/v        f = F − Σ r̂·ℓ, q = Q − Σ x̂·ℓ over the lines strictly below, F and Q the exports below
    v = v_parent + 2·(r̂·f + x̂·q) − (r̂² + x̂²)·ℓ

Let v lie between the squares of two voltages. Interval arithmetic from the leaves to the feeder encloses f, q and ℓ of
every line, and from the feeder to the leaves v again, narrower; so on for as many sweeps as wanted. In ℓ the intervals
of v and q are widened to hold 1 and 0 too: that is the model. So the losses of every power flow whose voltages are
within the two, and those of the model, lie in one interval, and its width bounds the model's error. The model's answer
is not used for it. Roughly, where voltages are within ±δ and reactive power is ρ times the active, the error is 2δ + ρ²
of the losses.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.hosts.grid import Grid
from autonomy.layers.arrays import Matrix, Vector

VOLTAGE_BAND_PU = (0.9, 1.1)
"""What EN 50160 allows at a customer's terminals; the enclosure is of power flows within it."""
SWEEPS = 2


class LossBand(NamedTuple):
    """An enclosure of the losses of all lines together.

    Attributes:
        lowest_kw: (T,) kW.
        highest_kw: (T,) kW.
    """

    lowest_kw: Vector
    highest_kw: Vector

    @property
    def error_kw(self) -> Vector:
        """(T,) kW, the most by which the model's losses, and so its feeder flow, can be wrong."""
        return self.highest_kw - self.lowest_kw


def loss_band(
    grid: Grid,
    net_export_kw: Matrix,
    net_export_kvar: Matrix,
    *,
    voltage_band_pu: tuple[float, float] = VOLTAGE_BAND_PU,
    sweeps: int = SWEEPS,
) -> LossBand:
    """Return the interval that holds the losses of every power flow within the voltage band, and the model's.

    Args:
        grid: Network and reactances.
        net_export_kw: (T, N) kW, + = export.
        net_export_kvar: (T, N) kvar, + = export.
        voltage_band_pu: Per unit, lowest and highest voltage of any bus.
        sweeps: How often the enclosure is narrowed, at least once.
    """
    network, steps = grid.network, net_export_kw.shape[0]
    r = network.loss_coefficient_per_kw
    x = 1000.0 * grid.reactance_ohm / network.nominal_voltage_v**2
    active = net_export_kw @ network.incidence.T
    reactive = net_export_kvar @ network.incidence.T
    low = np.full((steps, network.n_lines), voltage_band_pu[0] ** 2)
    high = np.full((steps, network.n_lines), voltage_band_pu[1] ** 2)
    for _ in range(sweeps):
        # f in [f0, f1], q in [q0, q1], ℓ in [l0, l1]; losses below make exports smaller, so they are taken off.
        f0, f1, q0, q1 = active.copy(), active.copy(), reactive.copy(), reactive.copy()
        l0, l1 = np.zeros_like(low), np.zeros_like(low)
        for k in network.leaves_first:
            most_reactive = np.maximum(np.abs(q0[:, k]), np.abs(q1[:, k]))
            most_active = np.maximum(np.abs(f0[:, k]), np.abs(f1[:, k]))
            least_active = np.maximum(np.maximum(f0[:, k], -f1[:, k]), 0.0)
            l0[:, k] = least_active**2 / np.maximum(high[:, k], 1.0)
            l1[:, k] = (most_active**2 + most_reactive**2) / np.minimum(low[:, k], 1.0)
            above = int(network.parent[k])
            if above >= 0:
                f0[:, above] += f0[:, k] - active[:, k] - r[k] * l1[:, k]
                f1[:, above] += f1[:, k] - active[:, k] - r[k] * l0[:, k]
                q0[:, above] += q0[:, k] - reactive[:, k] - x[k] * l1[:, k]
                q1[:, above] += q1[:, k] - reactive[:, k] - x[k] * l0[:, k]
        for k in reversed(network.leaves_first):
            above, squares = int(network.parent[k]), r[k] ** 2 + x[k] ** 2
            least: Vector | float = grid.grid_voltage_pu**2 if above < 0 else low[:, above]
            most: Vector | float = grid.grid_voltage_pu**2 if above < 0 else high[:, above]
            rise0 = 2.0 * (r[k] * f0[:, k] + x[k] * q0[:, k]) - squares * l1[:, k]
            rise1 = 2.0 * (r[k] * f1[:, k] + x[k] * q1[:, k]) - squares * l0[:, k]
            low[:, k] = np.maximum(low[:, k], least + rise0)
            high[:, k] = np.minimum(high[:, k], most + rise1)
    return LossBand(l0 @ r, l1 @ r)
