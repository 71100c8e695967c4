"""`autonomy benchmark policies`: the rivals of learned dispatch, each with each forecast."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least, words_of
from autonomy.cli.benchmark.console import table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.folder import require_writable

OUT = "autonomy-policies"
RULES = ("self-consumption-individual", "self-consumption", "time-of-use")
HELD_OUT, TRAINING = "held-out", "training"


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark policies` to what can be measured."""
    job = parts.add_parser(
        "policies",
        help="what every policy costs with every forecast, and how long a step takes",
        description="Play the demo's held-out or training weeks under every policy with every forecast; state the "
        "share of the achievable saving with an interval over weeks, gains on the plain mpc week by week, and times.",
    )
    job.add_argument(
        "--policy",
        metavar="NAME|PATH",
        action="append",
        dest="policies",
        help="as for autonomy run; may be repeated; default: the rules and every receding-horizon policy",
    )
    job.add_argument("--forecasts", metavar="NAME,…", help="default: all")
    job.add_argument("--weeks", choices=(HELD_OUT, TRAINING), default=HELD_OUT, help=f"default: {HELD_OUT}")
    job.add_argument("--every", metavar="N", type=int, default=1, help="play every Nth of the weeks; default: 1")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the forecast that draws errors; default: 0")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=policies_command)


def policies_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark policies`; see `add_command` for the options."""
    from autonomy.benchmark.policies.row import SCHEMA  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.policies.run import measure  # noqa: PLC0415
    from autonomy.benchmark.policies.table import policy_tables  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415
    from autonomy.configuration import demo_configuration  # noqa: PLC0415
    from autonomy.forecasting import KINDS, named_forecast  # noqa: PLC0415
    from autonomy.mpc import PLANNERS  # noqa: PLC0415
    from autonomy.scenario import Scenario  # noqa: PLC0415

    forecasts = words_of("--forecasts", options.forecasts, KINDS) if options.forecasts is not None else tuple(KINDS)
    require_at_least("--seed", options.seed, 0)
    require_at_least("--every", options.every, 1)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    configuration, demo = demo_configuration(), Scenario.demo()
    weeks = [*(demo.held_out_weeks() if options.weeks == HELD_OUT else demo.training_weeks())][:: options.every]
    with console.status("measuring the machine") as status:
        machine = measured_machine(quick=True)
        rows = list(
            measure(
                configuration,
                weeks,
                kind_of_weeks=options.weeks,
                policies=tuple(dict.fromkeys(options.policies or (*RULES, *PLANNERS))),
                forecasts=[named_forecast(name, seed=options.seed) for name in forecasts],
                progress=lambda text: status.update(f"playing {text}"),
            )
        )
    leave(
        options.out,
        console,
        schema=SCHEMA,
        rows=rows,
        tables=policy_tables(rows, configuration.currency),
        machine=machine,
        command=command_line(words),
    )
    return EXIT_UNSAFE if any(row.violations for row in rows) else EXIT_OK
