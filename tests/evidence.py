"""Evidence made by hand for tests of the report, and a reader of its page."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from typing import Any

import numpy as np

from autonomy.economics import Economics
from autonomy.evidence import Kpi, Optimum, RunEvidence
from autonomy.layers.community import Community
from autonomy.layers.decision import Mode
from autonomy.layers.invariants import Violation
from autonomy.layers.network import Network
from autonomy.trajectory import Trajectory

POLICIES = ("grid-only", "learned", "nan", "optimum")
STEPS = 8
LINE = Violation(rule="line", index=0, amount=4.2, unit="kW")
SOC = Violation(rule="soc", index=1, amount=0.0004, unit="kWh")
NOT_A_NUMBER = Violation(rule="node balance", index=2, amount=math.nan, unit="kW")


def make_community(names: tuple[str, ...] = ("Ana", "Bo", "Cy")) -> Community:
    return Community(
        battery_capacity_kwh=np.array([6.0, 0.0, 4.0]),
        charge_limit_kw=np.array([3.0, 0.0, 2.0]),
        discharge_limit_kw=np.array([3.0, 0.0, 2.0]),
        network=Network.single_feeder(n_prosumers=3, import_limit_kw=10.0, export_limit_kw=6.0),
        names=names,
    )


def make_run(policy: str, *, seed: int = 0, steps: int = STEPS, **changes: Any) -> Trajectory:
    """Return a run that obeys the balance; its prices and modes are made up."""
    rng = np.random.default_rng(seed)
    demand, pv = rng.uniform(0.5, 2.0, (steps, 3)), rng.uniform(0.0, 4.0, (steps, 3))
    battery = rng.uniform(-0.2, 0.25, (steps, 3)) * np.array([1.0, 0.0, 1.0]) * (policy != "grid-only")
    curtail, shed = 0.1 * pv * (pv > 3.5), 0.1 * demand * (demand > 1.9)
    net = (pv - curtail) - (demand - shed) - battery
    loss = 0.001 * net.sum(axis=1) ** 2
    feeder = net.sum(axis=1) - loss
    energy = 2.0 + np.vstack([np.zeros((1, 3)), np.cumsum(battery, axis=0)])
    retail, feed_in = np.where(np.arange(steps) % 4 == 3, 0.5, 0.2), np.full(steps, 0.05)
    importing = np.maximum(-feeder, 0.0)
    fields: dict[str, Any] = {
        "policy": policy,
        "timestep_h": 1.0,
        "time": np.datetime64("2016-08-22T00", "h") + np.arange(steps),
        "demand_kw": demand,
        "pv_kw": pv,
        "battery_kw": battery,
        "curtail_kw": curtail,
        "shed_kw": shed,
        "net_export_kw": net,
        "trade_kw": np.zeros((steps, 3)),
        "grid_kw": net,
        "energy_kwh": energy,
        "capacity_kwh": np.array([6.0, 0.0, 4.0]),
        "feeder_kw": feeder,
        "loss_kw": loss,
        "import_limit_kw": 10.0,
        "export_limit_kw": 6.0,
        "clearing_price": np.where(np.arange(steps) % 2 == 0, 0.12, np.nan),
        "retail_price": retail,
        "feed_in_price": feed_in,
        "carbon_kg_per_kwh": np.full(steps, 0.2),
        "step_cost": importing * retail + rng.uniform(0, 1, steps),
        "bill": np.zeros((steps, 3)),
        "terminal_value": 0.25,
        "co2_kg": 0.2 * importing,
        "mode": np.array([Mode.SUPPORT if policy == "nan" else Mode.PROJECTED] * steps),
        "intervention_kw": np.full(steps, np.nan) if policy == "nan" else rng.uniform(0, 0.5, steps),
        "latency_s": np.full(steps, 2e-5),
        "reward": np.zeros(steps),
        "violations": (),
    }
    return Trajectory(**fields | changes)


def make_kpi(policy: str, number: int, violations: int = 0) -> Kpi:
    """Return key figures that differ from each other in every field."""
    is_optimum = policy == "optimum"
    return Kpi(
        policy=policy,
        cost=1200.0 - 100.125 * number,
        achievable_share=number / 3,
        co2_kg=500.25 + number,
        peak_import_kw=9.5 + number / 8,
        peak_export_kw=5.5 + number / 16,
        load_factor=0.21 + number / 100,
        traded_kwh=88.5 + number,
        traded_share=0.31 + number / 100,
        self_sufficiency=0.41 + number / 100,
        self_consumption=0.61 + number / 100,
        curtailed_kwh=3.25 + number,
        shed_kwh=0.0625 * number,
        loss_of_load_h=6.5 + number,
        battery_throughput_kwh=777.5 + number,
        battery_cycles=61.5 + number,
        bill_gini=0.11 + number / 100,
        saving_gini=0.51 + number / 100,
        violations=violations,
        interventions=31 + number,
        intervention_kw_mean=0.375 + number,
        fallbacks=13 + number,
        steps=2 * STEPS,
        latency_p50_s=math.nan if is_optimum else 1.25e-5 * (number + 1),
        latency_p99_s=math.nan if is_optimum else 3.5e-3 * (number + 1),
    )


def make_evidence(
    policies: tuple[str, ...] = POLICIES,
    *,
    windows: int = 2,
    violations: dict[tuple[str, int], tuple[tuple[int, Violation], ...]] | None = None,
    **changes: Any,
) -> RunEvidence:
    found = violations or {}
    runs = {
        policy: tuple(make_run(policy, seed=w, violations=found.get((policy, w), ())) for w in range(windows))
        for policy in policies
    }
    counts = {policy: sum(len(found.get((policy, w), ())) for w in range(windows)) for policy in policies}
    optimum = Optimum(objective=40.0, replayed_cost=40.0, method="LP (exclusive)", binaries=0, gap=0.0, seconds=0.5)
    fields: dict[str, Any] = {
        "title": "Three homes",
        "community": make_community(),
        "economics": Economics(),
        "currency": "$",
        "command": "autonomy benchmark --seed 7",
        "version": "9.8.7",
        "created": "2026-11-23T12:00:00+00:00",
        "data_source": "Made up for a test.",
        "data_sha256": "ab" * 32,
        "windows": tuple((f"week {w + 1}", w * STEPS, STEPS) for w in range(windows)),
        "policies": policies,
        "trajectories": runs,
        "kpis": {policy: make_kpi(policy, i, counts[policy]) for i, policy in enumerate(policies)},
        "optima": (optimum,) * windows if "optimum" in policies else (),
        "terminal_rule": "Stored energy is worth the lowest retail price.",
        "backend": "kernel",
    }
    return RunEvidence(**fields | changes)


class Page(HTMLParser):
    """What the tests look at in a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "img", "hr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def having(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]
