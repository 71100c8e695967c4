"""Key figures from trajectories; the formulas are in `Kpi` and in docs/notation.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.evidence import Kpi
from autonomy.trajectory import Trajectory

NOTICEABLE_KW = 1e-3
"""kW from which a changed intent counts as an intervention (a watt)."""
FALLBACKS = ("support", "grid-only", "dead-stop")


def kpi(runs: Sequence[Trajectory], *, baseline_cost: float, optimal_cost: float | None) -> Kpi:
    """Return the key figures of one policy over its windows.

    Args:
        runs: One trajectory a window.
        baseline_cost: Currency, cost of grid-only over the same windows.
        optimal_cost: Currency, cost of the optimum over the same windows, or None.
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
    achievable = np.nan if optimal_cost is None else baseline_cost - optimal_cost
    return Kpi(
        policy=runs[0].policy,
        cost=float(cost),
        achievable_share=float((baseline_cost - cost) / achievable) if achievable > 0 else float("nan"),
        co2_kg=sum(float(run.co2_kg.sum()) for run in runs),
        peak_import_kw=float(np.maximum(-feeder, 0.0).max()),
        peak_export_kw=float(np.maximum(feeder, 0.0).max()),
        traded_kwh=sum(float(np.maximum(run.trade_kw, 0.0).sum()) for run in runs) * dt,
        self_sufficiency=1.0 - imported / served if served > 0 else float("nan"),
        self_consumption=1.0 - exported / used if used > 0 else float("nan"),
        curtailed_kwh=sum(float(run.curtail_kw.sum()) for run in runs) * dt,
        shed_kwh=sum(float(run.shed_kw.sum()) for run in runs) * dt,
        battery_throughput_kwh=sum(float(np.abs(run.battery_kw).sum()) for run in runs) * dt,
        violations=sum(len(run.violations) for run in runs),
        interventions=int(touched.size),
        intervention_kw_mean=float(touched.mean()) if touched.size else 0.0,
        fallbacks=sum(int(np.isin(run.mode, FALLBACKS).sum()) for run in runs),
        steps=int(feeder.size),
        latency_p50_s=_percentile(latency, 50),
        latency_p99_s=_percentile(latency, 99),
    )


def _percentile(values: np.ndarray[tuple[int], np.dtype[np.float64]], percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else float("nan")
