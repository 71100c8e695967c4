"""`python -m autonomy.benchmark.novelty`: print every figure of `docs/novelty.md`, or draw its picture."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from autonomy.benchmark.novelty.alarms import Cost, costs
from autonomy.benchmark.novelty.candidates import KEPT
from autonomy.benchmark.novelty.pace import paces
from autonomy.benchmark.novelty.planted import FAULTS
from autonomy.benchmark.novelty.run import Bench, Detection, FalseAlarms, Shifted
from autonomy.benchmark.novelty.stuck import StuckMeters, stuck_meters
from autonomy.layers.arrays import Vector
from autonomy.scenario import Scenario


def main(words: list[str]) -> int:
    """Print the tables; draw the picture if a path is given."""
    bench = Bench(Scenario.demo())
    if words:
        from autonomy.benchmark.novelty.picture import draw  # noqa: PLC0415 - matplotlib only when asked for

        draw(bench, Path(words[0]))
        return 0
    calibration = bench.calibration
    print(
        f"{calibration.training_days} training days, {calibration.n_days} calibration days, alpha {calibration.alpha:g}"
    )
    print(f"each half: stated {calibration.alpha / 2:.1%} of days, at most {calibration.rate_upper:.1%} (95 %)")
    stated, most = calibration.repeat_alpha, calibration.repeat_rate_upper
    print(f"stuck meters: stated {stated:.1%} of days, at most {most:.1%} (95 %)\n")
    show(("false alarms on held-out days", "days", "rate", "95 % interval"), false_alarm_rows(bench))
    found = list(bench.detections(lambda: print(".", end="", file=sys.stderr, flush=True)))
    print(file=sys.stderr)
    names = list(bench.scores)
    show(("mean share found", "calibration days", "held-out days"), (mean_row(name, found) for name in names))
    show(("held-out days, found by", *names), fault_rows(found, names))
    kept = [row for row in found if row.score == KEPT]
    show(("fault", "found", "delay p50", "delay p95, steps"), (delay_row(row) for row in kept))
    show(
        ("shift", "days a prosumer is novel", "days the community is", "prosumers drifting", "community drifts after"),
        (shift_row(row) for row in (*bench.shifts(), bench.season())),
    )
    show(
        ("drifts in the whole year", "first alarm on day", "held out"),
        ((name, str(day), "yes" if is_held else "no") for name, day, is_held in bench.drifts_of_the_year()),
    )
    counted = np.arange(bench.scenario.n_steps) // bench.slots // 7 % 4 == 3
    show(
        (
            "watch and losses",
            "cost, USD",
            "shed, kWh",
            "traded, kWh",
            "steps in doubt",
            "violations",
        ),
        (cost_row(row) for row in costs(bench.scenario, calibration, counted)),
    )
    show(
        (
            "stuck meters, readings of",
            "false alarms, held-out days",
            "95 % interval",
            "at most",
            "repeats doubted: demand",
            "PV",
            "found until midnight: demand",
            "delay p50, p95",
            "PV",
            "delay p50, p95",
        ),
        (stuck_row(row) for row in stuck_meters(bench.scenario)),
    )
    show(
        ("monitor", "µs a step, p50"), ((name, f"{us:.1f}") for name, us in paces(bench.scenario, calibration).items())
    )
    return 0


def stuck_row(row: StuckMeters) -> tuple[str, ...]:
    """Return what the repeat watch does at one resolution."""
    pv, demand = (_span(needed[np.isfinite(needed)]) for needed in row.needed)
    found = []
    for channel in ("demand", "PV"):
        delays = row.delays[channel]
        known = delays[np.isfinite(delays)]
        late = np.quantile(known, (0.5, 0.95)) if known.size else ()
        found += [f"{known.size / delays.size:.0%}", ", ".join(f"{steps:.0f}" for steps in late) or "–"]
    resolution = "as they are" if row.resolution_kw is None else f"{1e3 * row.resolution_kw:g} W"
    return resolution, _days(row.alarms), interval(row.alarms), f"{row.upper:.1%}", demand, pv, *found


def _span(needed: Vector) -> str:
    """Return the least, the median and the most of some numbers of repeats."""
    return ", ".join(f"{count:.0f}" for count in (needed.min(), np.median(needed), needed.max()))


def _days(count: FalseAlarms) -> str:
    return f"{count.days} of {count.of}, {count.days / count.of:.1%}"


def cost_row(row: Cost) -> tuple[str, ...]:
    """Return what one setting costs."""
    return (
        row.setting,
        f"{row.cost:,.2f}",
        f"{row.shed_kwh:.1f}",
        f"{row.traded_kwh:,.0f}",
        str(row.doubted),
        str(row.violations),
    )


def show(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table."""
    head = tuple(head)
    for row in (head, ("---", *("---:" for _ in head[1:])), *rows):
        print("| " + " | ".join(row) + " |")
    print()


def false_alarm_rows(bench: Bench) -> list[tuple[str, ...]]:
    """Return a row for each score, for the community, and for both halves together."""
    of_all, of_any = bench.community_false_alarms()
    counts = {f"prosumers: {name}": count for name, count in bench.false_alarms().items()}
    counts |= {"community": of_all, f"both, {KEPT}": of_any}
    return [
        (name, f"{count.days} of {count.of}", f"{count.days / count.of:.1%}", interval(count))
        for name, count in counts.items()
    ]


def interval(count: FalseAlarms) -> str:
    """Return the interval of a rate."""
    return f"{count.low:.1%} to {count.high:.1%}"


def mean_row(name: str, found: list[Detection]) -> tuple[str, ...]:
    """Return the mean over faults and channels."""
    mine = [row for row in found if row.score == name]
    on_held_out = sum(row.found for row in mine) / sum(row.of for row in mine)
    return name, f"{np.mean([row.on_calibration for row in mine]):.1%}", f"{on_held_out:.1%}"


def fault_rows(found: list[Detection], names: list[str]) -> Iterable[tuple[str, ...]]:
    """Yield a row for each fault and channel."""
    for channel in dict.fromkeys(row.channel for row in found):
        for fault in FAULTS:
            mine = {row.score: row for row in found if (row.channel, row.fault) == (channel, fault)}
            yield f"{channel}, {fault}", *(f"{mine[name].found / mine[name].of:.0%}" for name in names)


def delay_row(row: Detection) -> tuple[str, ...]:
    """Return how late one fault is found."""
    return (
        f"{row.channel}, {row.fault}",
        f"{row.found} of {row.of}",
        *(f"{d:.0f}" if d >= 0 else "–" for d in (row.delay_p50, row.delay_p95)),
    )


def shift_row(row: Shifted) -> tuple[str, ...]:
    """Return what one shift does."""
    after = "never" if row.community_drifts_after is None else f"{row.community_drifts_after} days"
    return row.shift, f"{row.prosumer_days:.0%}", f"{row.community_days:.0%}", str(row.prosumers_drifting), after


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
