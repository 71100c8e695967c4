"""Key figures from trajectories; the formulas are in `Kpi` and in docs/notation.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.evidence import Kpi
from autonomy.layers.arrays import Vector
from autonomy.trajectory import Trajectory

NOTICEABLE_KW = 1e-3
"""kW from which a changed intent counts as an intervention (a watt)."""
FALLBACKS = ("support", "grid-only", "dead-stop")


def kpi(
    runs: Sequence[Trajectory],
    *,
    baseline_cost: float,
    optimal_cost: float | None,
    baseline_bill: Vector | None = None,
) -> Kpi:
    """Return the key figures of one policy over its windows.

    Args:
        runs: One trajectory a window.
        baseline_cost: Currency, cost of grid-only over the same windows.
        optimal_cost: Currency, cost of the optimum over the same windows, or None.
        baseline_bill: (N,) currency, what each prosumer pays under grid-only over the same windows, or None.
    """
    dt = runs[0].timestep_h
    cost = sum(run.cost for run in runs)
    feeder = np.concatenate([run.feeder_kw for run in runs])
    served = sum(float((run.demand_kw - run.shed_kw).sum()) for run in runs) * dt
    used = sum(float((run.pv_kw - run.curtail_kw).sum()) for run in runs) * dt
    imported, exported = float(np.maximum(-feeder, 0.0).sum()) * dt, float(np.maximum(feeder, 0.0).sum()) * dt
    intervention = np.concatenate([run.intervention_kw for run in runs])
    touched = intervention[intervention > NOTICEABLE_KW]
    latency = np.concatenate([run.latency_s for run in runs])
    bought = sum(float(np.maximum(-run.net_export_kw, 0.0).sum()) for run in runs) * dt
    traded = sum(float(np.maximum(run.trade_kw, 0.0).sum()) for run in runs) * dt
    bill = total_bill(runs)
    achievable = np.nan if optimal_cost is None else baseline_cost - optimal_cost
    return Kpi(
        policy=runs[0].policy,
        cost=float(cost),
        achievable_share=float((baseline_cost - cost) / achievable) if achievable > 0 else float("nan"),
        co2_kg=sum(float(run.co2_kg.sum()) for run in runs),
        peak_import_kw=float(np.maximum(-feeder, 0.0).max()),
        peak_export_kw=float(np.maximum(feeder, 0.0).max()),
        load_factor=_ratio(float(np.maximum(-feeder, 0.0).mean()), float(np.maximum(-feeder, 0.0).max())),
        traded_kwh=traded,
        traded_share=_ratio(traded, bought),
        self_sufficiency=1.0 - imported / served if served > 0 else float("nan"),
        self_consumption=1.0 - exported / used if used > 0 else float("nan"),
        curtailed_kwh=sum(float(run.curtail_kw.sum()) for run in runs) * dt,
        shed_kwh=sum(float(run.shed_kw.sum()) for run in runs) * dt,
        loss_of_load_h=sum(int((run.shed_kw.sum(axis=1) > NOTICEABLE_KW).sum()) for run in runs) * dt,
        battery_throughput_kwh=sum(float(np.abs(run.battery_kw).sum()) for run in runs) * dt,
        battery_cycles=_cycles(runs),
        bill_gini=gini(bill),
        saving_gini=gini(baseline_bill - bill) if baseline_bill is not None else float("nan"),
        violations=sum(len(run.violations) for run in runs),
        interventions=int(touched.size),
        intervention_kw_mean=float(touched.mean()) if touched.size else 0.0,
        fallbacks=sum(int(np.isin(run.mode, FALLBACKS).sum()) for run in runs),
        steps=int(feeder.size),
        latency_p50_s=_percentile(latency, 50),
        latency_p99_s=_percentile(latency, 99),
    )


def total_bill(runs: Sequence[Trajectory]) -> Vector:
    """Return (N,) what each prosumer pays over all windows, currency."""
    total: Vector = np.sum([run.bill.sum(axis=0) for run in runs], axis=0)
    return total


def gini(values: Vector) -> float:
    """Return the inequality of (N,) amounts of any sign: 0 where all are equal, 1 where one has all; NaN for no amount.

        G = Σ_i Σ_j |x_i − x_j| / (2·(N − 1)·Σ |x_i|)

    For amounts >= 0 it is the Gini coefficient times N/(N − 1); the denominator is what makes it stay in 0..1 when some
    are negative, as bills of homes that earn are [Raffinetti2015].
    """
    amount = np.sort(np.asarray(values, dtype=np.float64))
    size, total = amount.size, float(np.abs(amount).sum())
    if size < 2 or not 0.0 < total < np.inf:
        return float("nan")
    # Sorted, the double sum is twice Σ (2i − N + 1)·x_i.
    differences = 2.0 * float(((2.0 * np.arange(size) - size + 1.0) * amount).sum())
    return differences / (2.0 * (size - 1) * total)


def _cycles(runs: Sequence[Trajectory]) -> float:
    """Return Σ dt·|b| / (2·capacity), the mean over the batteries."""
    capacity = runs[0].capacity_kwh
    has_battery = capacity > 0
    if not has_battery.any():
        return float("nan")
    throughput = np.sum([np.abs(run.battery_kw).sum(axis=0) for run in runs], axis=0) * runs[0].timestep_h
    return float((throughput[has_battery] / (2.0 * capacity[has_battery])).mean())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _percentile(values: np.ndarray[tuple[int], np.dtype[np.float64]], percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else float("nan")
