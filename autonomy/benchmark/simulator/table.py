"""The simulator's figures as a table."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from autonomy.benchmark.simulator.run import SimulatorRow
from autonomy.benchmark.table import Table
from autonomy.report.quantity import duration


def simulator_tables(rows: Sequence[SimulatorRow]) -> tuple[Table, ...]:
    """Return what every face plays per second."""
    cells = [
        (
            row.face,
            f"{row.communities:,}",
            f"{row.prosumers:,}",
            *map(duration, (row.p50_s, row.p99_s, row.mean_s)),
            f"{row.per_s:,.0f}",
            "–" if isnan(row.times_peer) else f"{row.times_peer:,.0f}",
        )
        for row in rows
    ]
    return (
        Table(
            title="Prosumer-steps per second",
            note="A step of all communities with random actions: observation, projection and supervision, physics, "
            "auction, settlement, reward. Median, 99th percentile and mean; prosumer-steps per second are communities "
            "times prosumers over the mean. Times the peer: of what CityLearn plays per second in the same run.",
            head=("face", "communities", "prosumers", "p50", "p99", "mean", "prosumer-steps/s", "times the peer"),
            rows=tuple(cells),
        ),
    )
