"""How many optima are proved, how, and to what gap: small windows with something special, and weeks of the demo's year.

python -m autonomy.benchmark.verdicts --cases 60 --seeds 3 --weeks 52

Every optimum is that of `optimal_dispatch`, with its own checker. The price on curtailing of two kinds of windows is
left out: the simulator has none. Fees are rounded down to a micro-currency a step; that is in the gap, and not in the
verdict.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autonomy.benchmark.optimum.cases import CASES, KINDS, case
from autonomy.benchmark.optimum.window import Window
from autonomy.dispatch import Dispatch, DispatchError, optimal_dispatch
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.report.optimum import EXCLUSIVE_LP, TIGHT_LP, WORST_LAST, gap_text
from autonomy.scenario import Scenario

HEAD = ("windows", "number", *WORST_LAST[:-1], "none", "largest gap", "LP alone", "split", "programs at most")
WEEK_H = 168
WEEKS = 52
NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What is proved of one optimum.

    Attributes:
        kind: Of the window.
        verdict: Of the checker; `NONE` where there is no dispatch.
        gap: (objective − bound)/max(|objective|, 1); inf for no dispatch.
        is_linear: Whether the linear program alone settled it.
        programs: How many linear programs prove the bound.
    """

    kind: str
    verdict: str
    gap: float
    is_linear: bool
    programs: int


def proof_of(window: Window, kind: str, *, time_limit_s: float | None = None, relative_gap: float = 1e-6) -> Proof:
    """Return what is proved of the optimum of a window."""
    try:
        found = optimal_dispatch(
            window.community,
            window.scenario,
            economics=window.economics,
            energy_kwh=window.energy_kwh,
            timeline=window.timeline,
            time_limit_s=time_limit_s,
            relative_gap=relative_gap,
        )
    except DispatchError:
        return Proof(kind=kind, verdict=NONE, gap=np.inf, is_linear=False, programs=0)
    return Proof(
        kind=kind,
        verdict=_verdict(found),
        gap=found.gap,
        is_linear=found.method in (EXCLUSIVE_LP, TIGHT_LP),
        programs=found.programs,
    )


def small_windows(cases: int, seeds: int) -> Iterator[tuple[Window, str]]:
    """Yield (window, kind) of the small windows, drawn with every seed."""
    for seed in range(seeds):
        for number in range(cases):
            yield case(number, seed), list(KINDS)[number % len(KINDS)]


def weeks(number: int, below: float = 0.0) -> Iterator[tuple[Window, str]]:
    """Yield (window, kind) of the first weeks of the demo's year, batteries half full.

    Args:
        number: How many.
        below: Currency/kWh by which all prices are lower.
    """
    community, year = Community.demo(), Scenario.demo().series
    series = year
    if below:
        retail, feed_in = (price - below for price in (year.retail_price, year.feed_in_price))
        series = replace(year, retail_price=retail, feed_in_price=feed_in, sha256="")
    for week in range(number):
        window = Window(
            name=f"week {week + 1}",
            community=community,
            scenario=Scenario.whole(series).window(WEEK_H * week, WEEK_H),
            economics=Economics(),
            energy_kwh=0.5 * community.battery_capacity_kwh,
        )
        yield window, f"weeks of the demo, prices {below:g} lower" if below else "weeks of the demo"


def lines(proofs: Sequence[Proof]) -> Iterator[str]:
    """Yield the lines of a table in Markdown: a line a kind, and one for all."""
    yield _line(HEAD)
    yield _line(("---", *["---:"] * (len(HEAD) - 1)))
    kinds = list(dict.fromkeys(proof.kind for proof in proofs))
    for kind in kinds:
        yield _line(_cells(kind, [proof for proof in proofs if proof.kind == kind]))
    if len(kinds) > 1:
        yield _line(_cells("all", proofs))


def main() -> None:
    """Solve, check, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m autonomy.benchmark.verdicts", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="small windows")
    parser.add_argument("--seeds", type=int, default=1, help="how often they are drawn")
    parser.add_argument("--weeks", type=int, default=WEEKS, help="weeks of the demo's year")
    parser.add_argument("--below", type=float, default=0.0, help="currency/kWh taken off all prices of those weeks")
    parser.add_argument("--time-limit", type=float, help="seconds of each; none by default")
    parser.add_argument("--gap", type=float, default=1e-6, help="relative gap that is asked for")
    options = parser.parse_args()
    windows = [*small_windows(options.cases, options.seeds), *weeks(options.weeks, options.below)]
    proofs = [
        proof_of(window, kind, time_limit_s=options.time_limit, relative_gap=options.gap) for window, kind in windows
    ]
    print("\n".join(lines(proofs)))


def _verdict(found: Dispatch) -> str:
    return NONE if found.certificate is None else str(found.certificate.verdict)


def _cells(name: str, proofs: Sequence[Proof]) -> tuple[str, ...]:
    counts = Counter(proof.verdict for proof in proofs)
    linear = sum(proof.is_linear for proof in proofs)
    return (
        name,
        str(len(proofs)),
        *(str(counts[verdict]) for verdict in (*WORST_LAST[:-1], NONE)),
        gap_text(max(proof.gap for proof in proofs)) if not counts[NONE] else "∞",
        str(linear),
        str(len(proofs) - linear - counts[NONE]),
        str(max(proof.programs for proof in proofs)),
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
