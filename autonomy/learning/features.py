"""What the network is told: numbers without a unit, of one length for every N, from measurements and forecast.

Per community, energies and powers as shares of the usable capacity C = Σ (emax − emin), so that a street and a village
with the same shape of day look the same; prices as shares of their mean m over the present and the horizon:

| Entries | Feature |
|---|---|
| 1 | net load now, (Σ d − Σ g)/C, 1/h |
| 1 | retail price now / m |
| 1 | feed-in price now / m |
| 1 | carbon price · carbon intensity / m |
| 2 | what the feeder brings and takes / C, 1/h |
| 2 | charge and discharge limits of all batteries / C, 1/h |
| 24 | expected net load / C of each of the next 24 hours, 1/h |
| 24 | its standard deviation / C by low and high of the forecast, see `autonomy.mpc.outlook.spread_kw` |
| 24 | retail price of each of these hours / m |

Beside these stands the stored share of C, which changes while a day is played; the network takes it apart. Of each
prosumer: its stored share less the community's, its net load less the mean over all, times N/C, and its capacity·N/C.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import ArrayLike, Vector

HOURS = 24
NOW, OWN = 8, 3
FEATURES = NOW + 3 * HOURS
"""Numbers of a community, beside the stored share."""
LEAST_CAPACITY_KWH = 1e-6
LEAST_PRICE = 1e-6


class View(NamedTuple):
    """What R steps look like, or a single one (R is then no axis).

    Attributes:
        load_kw: (*R,) kW, demand less available generation of the community, now.
        retail: (*R,) currency/kWh now, without carbon.
        feed_in: (*R,) currency/kWh now.
        carbon: (*R,) currency/kWh, price of the carbon of a kWh now.
        ahead_kw: (*R, H) kW, expected net load of the next H steps.
        spread_kw: (*R, H) kW, its standard deviation.
        retail_ahead: (*R, H) currency/kWh, published.
        import_kw: kW that the grid delivers at most.
        export_kw: kW that the grid takes at most.
        charge_kw: kW, Σ P⁺.
        discharge_kw: kW, Σ P⁻.
        capacity_kwh: kWh, Σ (emax − emin).
        timestep_h: Hours of a step.
    """

    load_kw: ArrayLike
    retail: ArrayLike
    feed_in: ArrayLike
    carbon: ArrayLike
    ahead_kw: Vector
    spread_kw: Vector
    retail_ahead: Vector
    import_kw: ArrayLike
    export_kw: ArrayLike
    charge_kw: ArrayLike
    discharge_kw: ArrayLike
    capacity_kwh: float
    timestep_h: float


def community_features(view: View) -> Vector:
    """Return (*R, `FEATURES`), by the table of the module."""
    capacity = max(view.capacity_kwh, LEAST_CAPACITY_KWH)
    retail = np.asarray(view.retail, dtype=np.float64)
    ahead = view.retail_ahead
    count = ahead.shape[-1] + 1
    mean = np.maximum((np.abs(retail) + np.abs(ahead).sum(axis=-1)) / count, LEAST_PRICE)
    powers = view.import_kw, view.export_kw, view.charge_kw, view.discharge_kw
    present = np.stack(
        [
            np.asarray(view.load_kw) / capacity,
            *(np.asarray(price) / mean for price in (view.retail, view.feed_in, view.carbon)),
            *(np.broadcast_to(np.asarray(power) / capacity, retail.shape) for power in powers),
        ],
        axis=-1,
    )
    hours = (hourly(table, view.timestep_h) for table in (view.ahead_kw, view.spread_kw, ahead))
    load, spread, price = hours
    features: Vector = np.concatenate([present, load / capacity, spread / capacity, price / mean[..., None]], axis=-1)
    return features


def hourly(table: Vector, timestep_h: float) -> Vector:
    """Return (*R, 24): the mean of each of the next 24 hours of a (*R, H) table; its last stands for missing ones.

    Hour h takes the steps that begin in it; where steps are longer than an hour, the step that it lies in.
    """
    steps = table.shape[-1]
    first = np.minimum(np.floor(np.arange(HOURS) / timestep_h + 1e-9).astype(np.int64), steps - 1)
    width = max(round(1.0 / timestep_h), 1)
    if width == 1:
        return table[..., first]
    rows = np.minimum(first[:, None] + np.arange(width), steps - 1)
    means: Vector = table[..., rows].mean(axis=-1)
    return means


def own_features(stored: Vector, load_kw: Vector, capacity_kwh: Vector) -> Vector:
    """Return (*R, N, `OWN`) of each prosumer.

    Args:
        stored: (*R, N) kWh above the least that may be stored.
        load_kw: (*R, N) kW, demand less available generation.
        capacity_kwh: (N,) kWh, emax − emin; 0 without a battery.
    """
    total, size = max(float(capacity_kwh.sum()), LEAST_CAPACITY_KWH), capacity_kwh.size
    share = np.divide(stored, capacity_kwh, out=np.zeros(stored.shape), where=capacity_kwh > 0)
    level = np.where(capacity_kwh > 0, share - stored_share(stored, capacity_kwh)[..., None], 0.0)
    load = (load_kw - load_kw.mean(axis=-1, keepdims=True)) * (size / total)
    part = np.broadcast_to(capacity_kwh * (size / total), stored.shape)
    return np.stack([level, load, part], axis=-1)


def stored_share(stored: Vector, capacity_kwh: Vector) -> Vector:
    """Return (*R,) the stored share of the usable capacity."""
    share: Vector = np.asarray(stored.sum(axis=-1) / max(float(capacity_kwh.sum()), LEAST_CAPACITY_KWH))
    return share
