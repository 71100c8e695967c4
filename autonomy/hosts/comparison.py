"""The same policy in the same host, left alone and behind the controller: the table that a host's page shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autonomy.controller import Controller
from autonomy.hosts.host import Host
from autonomy.hosts.play import Bare, Decide, play
from autonomy.hosts.tally import Tally, tally
from autonomy.layers.arrays import Matrix, Vector
from autonomy.layers.intent import Policy
from autonomy.layers.observation import Observation
from autonomy.supervisor import Supervisor

HEADINGS = (
    "run", "steps", "steps over a limit", "worst, kW", "asked − applied, kWh", "curtailed, kWh", "shed, kWh", "cost",
    "ms per step", "of the host's",
)  # fmt: skip


def battery_intent(battery_kw: Vector, observation: Observation) -> Matrix:
    """Return (N, 3), what a policy answers that only says what batteries should do; + = charge."""
    size = battery_kw.size
    return np.column_stack((battery_kw, np.zeros(size), np.broadcast_to(observation.retail_price, (size,))))


def alone_and_behind(
    host: Host, policy: Policy, *, supervisor: Supervisor | None = None, steps: int | None = None, seed: int = 0
) -> dict[str, Tally]:
    """Play a policy twice from the host's start with one seed.

    Args:
        host: What is played.
        policy: Who wants something.
        supervisor: Settings of Layer 3, its statement of the host's accuracy first of all.
        steps: How many; None for as long as there are data.
        seed: What the host is reset with.
    """
    controller = Controller(host.community, policy=policy, supervisor=supervisor)
    runs: dict[str, Decide] = {"alone": Bare(host.community, policy), "behind the controller": controller.step}
    return {name: tally(host, play(host, decide, steps=steps, seed=seed)) for name, decide in runs.items()}


def as_table(runs: Mapping[str, Tally]) -> str:
    """Return the runs as a table in Markdown, and below it what a host with fewer digits rounded off."""
    rows = [f"| {' | '.join(HEADINGS)} |", f"|---|{'---:|' * (len(HEADINGS) - 1)}"]
    for name, sums in runs.items():
        cells = (
            name,
            f"{sums.steps:,}",
            f"{sums.violations:,}",
            f"{max(sums.worst_kw, 0.0):.3f}",
            f"{sums.unmet_kwh:,.3f}",
            f"{sums.curtailed_kwh:,.1f}",
            f"{sums.shed_kwh:,.1f}",
            f"{sums.cost:,.2f}",
            f"{sums.decide_ms:.3f}",
            f"{sums.host_ms:.2f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    rows += [
        f"\n{name}: the host's digits rounded off {sums.rounding_kw:.2g} kW of a set-point at most, "
        f"{sums.rounding_kwh:.6f} kWh in sum; asked − applied is {sums.unmet_kwh:.6g} kWh"
        for name, sums in runs.items()
        if sums.rounding_kw > 0
    ]
    return "\n".join(rows)
