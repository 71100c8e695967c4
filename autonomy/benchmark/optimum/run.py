"""`autonomy benchmark optimum`: every method on every window, taking turns, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from autonomy.benchmark.clock import undisturbed
from autonomy.benchmark.dispatch.quiet import quiet
from autonomy.benchmark.optimum.cases import case
from autonomy.benchmark.optimum.demo import demo_window
from autonomy.benchmark.optimum.method import Answer, Method, UnsolvedError, UnstatedError
from autonomy.benchmark.optimum.methods import FAST, REFERENCE
from autonomy.benchmark.optimum.row import OptimumRow
from autonomy.benchmark.optimum.window import Window
from autonomy.benchmark.row import Outcome
from autonomy.dispatch import Dispatch
from autonomy.rollout import replay
from autonomy.simulator import Simulator


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What to run.

    Attributes:
        cases: How many small windows.
        sizes: Homes of the demo windows.
        hours: Steps of the demo windows.
        repeats: Windows of each size beside the first.
        time_limit_s: Seconds one solve may take, and what a failure is charged.
    """

    cases: int
    sizes: tuple[int, ...]
    hours: tuple[int, ...]
    repeats: int
    time_limit_s: float


@dataclass(kw_only=True, slots=True)
class Found:
    """What one method has done on windows of one size."""

    outcome: Outcome = Outcome.RAN
    message: str = ""
    answers: list[Answer | None] = field(default_factory=list)
    build_s: list[float] = field(default_factory=list)
    solve_s: list[float] = field(default_factory=list)

    def try_on(self, method: Method, window: Window, limit_s: float) -> None:
        """State and solve one window, and take the time of both."""
        answer, built = None, float("nan")
        started = time.perf_counter()
        try:
            with quiet(), undisturbed():
                started = time.perf_counter()
                stated = method.state(window)
                built = time.perf_counter() - started
                answer = method.solve(stated, limit_s)
        except ImportError as fault:
            self.outcome, self.message = Outcome.NOT_INSTALLED, str(fault)
        except UnstatedError as fault:
            self.outcome, self.message = Outcome.NOT_RUN, str(fault)
        except UnsolvedError as fault:
            late = time.perf_counter() - started >= limit_s
            self.outcome, self.message = Outcome.TIME_LIMIT if late else Outcome.FAILED, str(fault)
        except Exception as fault:  # noqa: BLE001 - whatever a method throws is a failed method, and the others go on
            self.outcome, self.message = Outcome.FAILED, f"{type(fault).__name__}: {fault}"
        self.answers.append(answer)
        self.build_s.append(built)
        self.solve_s.append(time.perf_counter() - started - built if answer is not None else float("nan"))

    def charged_s(self, limit_s: float) -> list[float]:
        """Return seconds of each window; one that was stated and not solved is charged the limit."""
        if self.outcome in (Outcome.NOT_RUN, Outcome.NOT_INSTALLED):
            return []
        together = zip(self.answers, self.build_s, self.solve_s, strict=True)
        return [limit_s if answer is None else build + solve for answer, build, solve in together]


class OptimumRun:
    """Measures window after window.

    Args:
        methods: What is compared, the reference and the arrays among them where differences and ratios are wanted.
        settings: What to run.
    """

    def __init__(self, methods: Sequence[Method], settings: Settings) -> None:
        self._methods, self._settings = methods, settings
        self._late: dict[str, str] = {}

    def parts(self) -> Iterator[tuple[str, list[Window], str]]:
        """Yield (part, windows, what they are called) of everything there is to measure, smaller sizes first."""
        for number in range(self._settings.cases):
            window = case(number)
            yield "agreement", [window], window.name
        for steps in self._settings.hours:
            for homes in self._settings.sizes:
                windows = [demo_window(homes, steps, number) for number in range(1 + self._settings.repeats)]
                yield "speed", windows, windows[0].name

    def import_all(self) -> None:
        """Let every method import what it needs, on a window that is not measured."""
        for method in self._methods:
            Found().try_on(method, case(0, seed=1), self._settings.time_limit_s)

    def measure(
        self, part: str, windows: Sequence[Window], name: str, progress: Callable[[str], None]
    ) -> tuple[OptimumRow, ...]:
        """Return a row a method; `progress` is called with the name of each before it is measured."""
        limit_s = self._settings.time_limit_s
        found = {method.name: Found() for method in self._methods}
        for window in windows:
            for method in self._methods:
                mine = found[method.name]
                if method.name in self._late:
                    mine.outcome, mine.message = Outcome.NOT_RUN, self._late[method.name]
                elif mine.outcome is Outcome.RAN:
                    progress(method.name)
                    mine.try_on(method, window, limit_s)
        for method in self._methods:
            if part == "speed" and found[method.name].outcome is Outcome.TIME_LIMIT:
                self._late[method.name] = f"over the time limit at {name}"
        rows = [_row(part, method.name, windows, name, found, limit_s) for method in self._methods]
        return tuple(_with_ratios(row, rows) for row in rows)


def carried_out(window: Window, answer: Answer) -> tuple[float, int]:
    """Return what an answer costs when the simulator carries it out, and how many rules it breaks on the way."""
    capacity = window.community.battery_capacity_kwh
    soc = np.divide(window.energy_kwh, capacity, out=np.zeros(capacity.size), where=capacity > 0)
    simulator = Simulator(
        window.community, window.scenario, economics=window.economics, timeline=window.timeline, initial_soc=soc
    )
    dispatch = Dispatch(
        battery_kw=answer.battery_kw,
        curtail_kw=answer.curtail_kw,
        shed_kw=answer.shed_kw,
        objective=answer.objective,
        method="",
        binaries=answer.binaries,
        gap=float("nan"),
        seconds=float("nan"),
        bound=-np.inf,
    )
    run = replay(simulator, dispatch)
    curtailed = window.community.timestep_h * window.curtail_price_per_kwh * float(answer.curtail_kw.sum())
    return float(run.step_cost.sum()) - run.terminal_value + curtailed, len(run.violations)


def _row(
    part: str, method: str, windows: Sequence[Window], name: str, found: dict[str, Found], limit_s: float
) -> OptimumRow:
    mine, first = found[method], windows[0]
    given = [answer for answer in mine.answers if answer is not None]
    row = OptimumRow(
        part=part,
        method=method,
        window=name,
        homes=first.scenario.n_prosumers,
        steps=first.scenario.n_steps,
        outcome=mine.outcome,
        message=mine.message,
        windows=len(given),
        charged_s=_median(mine.charged_s(limit_s)),
    )
    if not mine.answers or mine.answers[0] is None:
        return row
    cost, broken = carried_out(first, mine.answers[0])
    return replace(
        row,
        objective=mine.answers[0].objective,
        difference=_difference(mine, found.get(REFERENCE)),
        carried_cost=cost,
        violations=broken,
        binaries=mine.answers[0].binaries,
        cold_build_s=mine.build_s[0],
        cold_solve_s=mine.solve_s[0],
        hot_build_s=_median(mine.build_s[1:]),
        hot_solve_s=_median(mine.solve_s[1:]),
    )


def _difference(mine: Found, reference: Found | None) -> float:
    """Return the relative difference to the reference that is furthest from 0, NaN without a reference."""
    pairs = zip(mine.answers, reference.answers if reference is not None else [], strict=False)
    found = [
        (own.objective - other.objective) / max(abs(other.objective), 1.0)
        for own, other in pairs
        if own is not None and other is not None
    ]
    return max(found, key=abs, default=float("nan"))


def _with_ratios(row: OptimumRow, rows: Sequence[OptimumRow]) -> OptimumRow:
    fast = next((other for other in rows if other.method == FAST), None)
    if fast is None:
        return row
    return replace(
        row,
        build_ratio=row.hot_build_s / fast.hot_build_s,
        solve_ratio=row.hot_solve_s / fast.hot_solve_s,
        total_ratio=row.charged_s / fast.charged_s,
    )


def _median(values: Sequence[float]) -> float:
    found = [value for value in values if not np.isnan(value)]
    return float(np.median(found)) if found else float("nan")
