"""The simulator's figures as a table."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from autonomy.benchmark.simulator.books import Books
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


def books_table(books: Sequence[Books]) -> Table:
    """Return what a year left in the books."""
    cells = [
        (
            row.intents,
            f"{row.steps:,}",
            f"{row.balance_kwh:.1e}",
            f"{row.storage_kwh:.1e}",
            f"{row.relative:.1e}",
            f"{row.traded_kwh:,.0f}",
            f"{row.paid_micro:,}",
            f"{row.off_by_micro:,}",
            f"{row.worse_off:,}",
        )
        for row in books
    ]
    return Table(
        title="A year's books",
        note="The demo's year under random intents. Largest residual of a step of the energy balance and of the stored "
        "energy, kWh, and the larger of the two relative to what flowed; energy traded, kWh; the sum of all payments, "
        "and the largest of a step, in whole micro-currency; bills of a step that are above what the same flows cost "
        "without trade.",
        head=(
            "intents", "steps", "balance", "storage", "relative", "traded", "sum of payments", "of a step", "worse off",
        ),
        rows=tuple(cells),
    )  # fmt: skip
