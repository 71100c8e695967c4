"""A policy played over the windows under its controller: the journal, what the market made of it, and how long it took.

    journal/NAME.jsonl    what was decided, from what, and why                            docs/journal.md
    market/NAME.jsonl     a line a decision: {"number", "trade_kw", "price", "payment"}   docs/safety-certificates.md

The files are all the evidence there is: what a report says of a run, the checker counts again from them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.assets.timeline import Timeline
from autonomy.configuration import Configuration
from autonomy.controller import Controller
from autonomy.economics import Economics
from autonomy.journal import JsonLinesJournal
from autonomy.layers.arrays import Vector
from autonomy.layers.intent import Policy
from autonomy.market import payments
from autonomy.policies import load_policy, with_economics
from autonomy.rollout import roll_out
from autonomy.run import policy_file_name
from autonomy.safety.canonical import canonical
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator
from autonomy.trajectory import Trajectory

JOURNALS, MARKETS = "evidence/journal", "evidence/market"
PRICES = {
    "carbon": "carbon_price_per_kg",
    "wear": "wear_per_kwh",
    "lost_load": "value_of_lost_load_per_kwh",
    "fee": "trade_fee_per_kwh",
    "terminal": "terminal_price_per_kwh",
}
"""The prices that the checker counts the cost of a record with: its name of each, and ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What was played, and where it was written.

    Attributes:
        policy: Its name.
        journal: File of the decisions, from the report's folder.
        market: File of the trades.
        steps: Decisions.
        cost: Currency, all windows together.
        violations: Rules that the simulator saw broken, with its own tolerance.
        latency_s: Quantiles 50, 99 and 100 % of the time of a controller's step, s.
        starts: First decision of each window.
    """

    policy: str
    journal: str
    market: str
    steps: int
    cost: float
    violations: int
    latency_s: tuple[float, float, float]
    starts: tuple[int, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def record_of(document: dict[str, Any]) -> Record:
    """Return the record that `Record.document` wrote."""
    return Record(**{**document, "latency_s": tuple(document["latency_s"]), "starts": tuple(document["starts"])})


def play(
    configuration: Configuration,
    windows: Sequence[Scenario],
    *,
    policy: str,
    folder: Path,
    controller: Controller | None = None,
    name: str | None = None,
    initial_soc: Vector | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> Record:
    """Play a policy over the windows and write its journal and what the market made of it.

    Args:
        configuration: Community and prices.
        windows: Windows of one series.
        policy: Name or path.
        folder: The report's folder.
        controller: Who decides; a controller as it comes, with this policy, by default.
        name: What the files are called; the policy's by default.
        initial_soc: (N,) fraction of the capacity that batteries begin each window with; the simulator's by default.
        on_step: Called after every step.
    """
    community = configuration.community
    file = policy_file_name(name or policy)
    journal_file, market_file = f"{JOURNALS}/{file}", f"{MARKETS}/{file}"
    for path in (journal_file, market_file):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).unlink(missing_ok=True)
    if controller is None:
        controller = Controller(community, policy=policy)
        controller.policy = with_economics(controller.policy, configuration.economics)
    with JsonLinesJournal(folder / journal_file) as journal:
        controller.journal = journal
        runs = [
            roll_out(
                Simulator(
                    community,
                    window,
                    economics=configuration.economics,
                    timeline=timeline,
                    initial_soc=initial_soc,
                ),
                controller,
                name=name or policy,
                on_step=on_step,
            )
            for window, timeline in zip(windows, timelines_of(configuration, windows), strict=True)
        ]
    lines = [line for run in runs for line in _market_lines(run, configuration.economics)]
    text = b"".join(canonical({"number": number, **line}) + b"\n" for number, line in enumerate(lines))
    (folder / market_file).write_bytes(text)
    latency = np.concatenate([run.latency_s for run in runs])
    return Record(
        policy=name or policy,
        journal=journal_file,
        market=market_file,
        steps=len(lines),
        cost=sum(run.cost for run in runs),
        violations=sum(len(run.violations) for run in runs),
        latency_s=(float(np.quantile(latency, 0.5)), float(np.quantile(latency, 0.99)), float(latency.max())),
        starts=tuple(int(start) for start in np.cumsum([0, *(run.time.size for run in runs[:-1])])),
    )


def fresh_policy(name: str, economics: Economics) -> Policy:
    """Return a policy by name or path that nothing has asked yet."""
    return with_economics(load_policy(name), economics)


def checked_prices(economics: Economics) -> dict[str, float | None] | None:
    """Return the prices that the checker needs; None where others play a part that it does not know."""
    if economics.cycle_price_per_kwh or economics.capacity_price_per_kw or economics.trade_fee_per_kwh:
        return None
    return {name: getattr(economics, ours) for name, ours in PRICES.items()}


def prices_of(economics: Economics) -> dict[str, float | None]:
    """Return the prices by the checker's names."""
    return {name: getattr(economics, ours) for name, ours in PRICES.items()}


def timelines_of(configuration: Configuration, windows: Sequence[Scenario]) -> list[Timeline | None]:
    """Return what assets do in each window: EVs, outages, derating; None where there are none."""
    whole = configuration.assets.timeline(configuration.community, windows[0].series)
    return [None if whole is None else whole.window(window.start, window.stop) for window in windows]


def _market_lines(run: Trajectory, economics: Economics) -> list[dict[str, Any]]:
    paid = payments(
        run.trade_kw,
        run.clearing_price[:, None],
        retail_price=run.retail_price[:, None],
        feed_in_price=run.feed_in_price[:, None],
        timestep_h=run.timestep_h,
        fee=economics.trade_fee_per_kwh,
    )
    prices = [None if np.isnan(price) else price for price in run.clearing_price.tolist()]
    rows = zip(run.trade_kw.tolist(), prices, paid.tolist(), strict=True)
    return [{"trade_kw": trade, "price": price, "payment": payment} for trade, price, payment in rows]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return what a file of JSON lines says."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]
