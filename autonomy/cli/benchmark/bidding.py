"""`autonomy benchmark bidding`: what learned bids clear, and what others would gain; 2 if trade cost anybody."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least, words_of
from autonomy.cli.benchmark.console import table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.folder import require_writable
from autonomy.errors import ConfigError
from autonomy.forecasting import KINDS

if TYPE_CHECKING:
    from autonomy.benchmark.bidding.run import Plan

OUT = "autonomy-bidding"
POLICIES, RIVALS = "learned-{seed},learned", "midpoint,truthful,random"
RULE, FEES, FORECAST = "uniform", "0", "7-day-mean"
SEEDS, WEEKS = 3, 13
PRICES, SHARES = 21, 4
QUICK_COMMUNITIES, QUICK_WEEKS = "four", 2


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark bidding` to what can be measured."""
    job = parts.add_parser(
        "bidding",
        help="where learned bids lie, what clears, and what anybody could gain by bidding otherwise",
        description="Play the held-out weeks of communities, hold the auction of every step, and let each "
        "prosumer try others while all else stays: a truthful order, the best constant one, the best of each hour.",
    )
    job.add_argument("--policies", metavar="NAME,…", help=f"learned ones, or paths to weights; default: {POLICIES}")
    job.add_argument("--communities", metavar="NAME,…", help="as of benchmark dispatch; default: all")
    job.add_argument("--rivals", metavar="NAME,…", help=f"bids that nobody learned, or none; default: {RIVALS}")
    job.add_argument("--rules", metavar="NAME,…", help=f"uniform, uniform-low, uniform-high, mcafee; default: {RULE}")
    job.add_argument("--fees", metavar="F,…", help=f"currency/kWh that buyers pay on top; default: {FEES}")
    job.add_argument("--forecast", metavar="NAME", default=FORECAST, help=f"what policies get; default: {FORECAST}")
    job.add_argument("--weeks", metavar="N", type=int, help=f"held-out weeks, from the first; default: {WEEKS}")
    job.add_argument("--seeds", metavar="N", type=int, default=SEEDS, help=f"of {{seed}} in names; default: {SEEDS}")
    job.add_argument("--prices", metavar="N", type=int, default=PRICES, help=f"that each tries; default: {PRICES}")
    job.add_argument("--shares", metavar="N", type=int, default=SHARES, help=f"to offer, likewise; default: {SHARES}")
    job.add_argument("--quick", action="store_true", help=f"{QUICK_WEEKS} weeks of a small community")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=bidding_command)


def bidding_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark bidding`; see `add_command` for the options."""
    from autonomy.benchmark.bidding.row import OWN, SCHEMA  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.bidding.run import learned, measure  # noqa: PLC0415
    from autonomy.benchmark.bidding.table import bidding_tables, sentence  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415
    from autonomy.configuration import demo_configuration  # noqa: PLC0415

    plan, currency = _plan(options), demo_configuration().currency
    for policy, seed in plan.players:
        learned(policy.replace("{seed}", str(seed)))  # a wrong name costs no minutes
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    with console.status("measuring the machine") as status:
        machine = measured_machine(quick=True)
        rows = list(measure(plan, progress=lambda text: status.update(f"bidding in {text}")))
    tables, command = bidding_tables(rows, currency), command_line(words)
    leave(
        options.out, console, schema=SCHEMA, rows=rows, tables=tables, machine=machine, command=command, settings=plan
    )
    console.print(sentence(rows, currency), soft_wrap=True)
    own = [row for row in rows if row.bids == OWN]
    return EXIT_UNSAFE if any(row.outside or row.losers for row in own) else EXIT_OK


def _plan(options: argparse.Namespace) -> Plan:
    """Return what is asked for.

    Raises:
        ConfigError: a name is unknown, or a number is out of its range.
    """
    from autonomy.benchmark.bidding.rivals import RIVALS as KNOWN  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.bidding.rules import RULES  # noqa: PLC0415
    from autonomy.benchmark.bidding.run import Plan  # noqa: PLC0415
    from autonomy.benchmark.dispatch.communities import COMMUNITIES  # noqa: PLC0415

    weeks = (QUICK_WEEKS if options.quick else WEEKS) if options.weeks is None else options.weeks
    if not 1 <= weeks <= WEEKS:
        raise ConfigError("--weeks", "", f"found {weeks}; expected 1 to {WEEKS}, as many as are held out")
    for option, least in (("seeds", 1), ("prices", 2), ("shares", 1)):
        require_at_least(f"--{option}", getattr(options, option), least)
    chosen = options.communities or (QUICK_COMMUNITIES if options.quick else "all")
    rivals = RIVALS if options.rivals is None else options.rivals
    return Plan(
        communities=tuple(COMMUNITIES) if chosen == "all" else words_of("--communities", chosen, COMMUNITIES),
        policies=tuple(dict.fromkeys(word.strip() for word in (options.policies or POLICIES).split(","))),
        rivals=() if rivals == "none" else words_of("--rivals", rivals, KNOWN),
        rules=words_of("--rules", options.rules or RULE, RULES),
        fees=_fees(options.fees or FEES),
        forecast=words_of("--forecast", options.forecast, KINDS)[0],
        weeks=weeks,
        seeds=options.seeds,
        prices=options.prices,
        shares=options.shares,
    )


def _fees(text: str) -> tuple[float, ...]:
    try:
        fees = tuple(float(word) for word in text.split(","))
    except ValueError:
        fees = ()
    if not fees or not all(0.0 <= fee < math.inf for fee in fees):
        raise ConfigError("--fees", "", f"found {text!r}; expected numbers >= 0, as in 0,0.05")
    return tuple(dict.fromkeys(fees))
