"""`autonomy run`: policies over a community's data, a report, and exit code 2 when a limit was broken."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

import autonomy
from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least
from autonomy.cli.folder import publish, require_writable
from autonomy.cli.inputs import add_inputs, add_window, chosen_windows, read_inputs
from autonomy.configuration import Configuration, demo_configuration
from autonomy.errors import ConfigError
from autonomy.evidence import RunEvidence
from autonomy.forecasting import KINDS
from autonomy.policies import NAMES
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE, RIVALS, RunOptions, run
from autonomy.scenario import Scenario
from autonomy.scenarios import SCENARIOS, NamedScenario
from autonomy.scenarios import named as named_scenario
from autonomy.solvers.backends import BACKENDS

DEFAULT_OUT = "autonomy-run"
RUN_FILES = {"report.html", "summary.json", "journal"}
"""What a finished run consists of, and so what a later run may replace."""


def add_command(commands: Commands) -> None:
    """Add `autonomy run` to the command line."""
    job = commands.add_parser(
        "run",
        help="run policies over a community's data and write a report",
        description="Run policies over a community's data, compare them with the perfect-foresight optimum, count "
        "every broken limit, and write report.html, summary.json and one decision journal a policy.",
    )
    add_inputs(job)
    job.add_argument(
        "--policy",
        metavar="NAME|PATH",
        action="append",
        dest="policies",
        help=f"policy to run beside {BASELINE}; may be repeated. Names: {', '.join(NAMES)}; paths: weights.npz, "
        f"policy.onnx, a Stable-Baselines3 model.zip, or file.py:function. Without it: {', '.join(RIVALS)}",
    )
    add_window(job)
    job.add_argument(
        "--weeks", choices=("held-out", "all"), help="without --from and --to; held-out for the demo, all for own data"
    )
    job.add_argument("--forecast", metavar="NAME", help=f"what is expected of the next day: {', '.join(KINDS)}")
    job.add_argument(
        "--scenario", metavar="NAME", help=f"a named scenario on a week of the demo, by --seed: {', '.join(SCENARIOS)}"
    )
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of --scenario and --forecast; default: 0")
    job.add_argument("--backend", metavar="NAME", default="exact", help=f"projection: {', '.join(BACKENDS)}")
    job.add_argument(
        "--look-ahead",
        metavar="CAUTION",
        type=float,
        dest="caution",
        help="keep enough in the batteries for the next day: 0 by the forecast, 1 by the far end of its interval",
    )
    job.add_argument("--no-optimum", action="store_true", help="leave out the perfect-foresight optimum")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(DEFAULT_OUT), help=f"default: {DEFAULT_OUT}")
    job.set_defaults(carry_out=run_command)


def run_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy run`; see `add_command` for the options."""
    from autonomy.report.console import optimum_table, tables, verdict_line  # noqa: PLC0415 - only when needed

    require_writable(options.out, RUN_FILES, "summary.json")
    require_at_least("--seed", options.seed, 0)
    named = _named(options)
    configuration, scenario = read_inputs(options) if named is None else _inputs_of(named)
    if options.forecast is not None:
        scenario = scenario.with_forecast(options.forecast, seed=options.seed)
    held_out = options.weeks == "held-out" if options.weeks else options.data is None and named is None
    windows = _windows(scenario, options, held_out=held_out) if named is None else (scenario,)
    console = Console()
    first, last = windows[0].time[0], windows[-1].time[-1]
    kind = "held-out week" if held_out and not (options.from_ or options.to) else "window"
    console.print(
        f"[bold]{escape(configuration.name)}[/]: {scenario.n_prosumers} prosumers, {len(windows)} "
        f"{kind}{'s' if len(windows) > 1 else ''} "
        f"from {first} to {last}, {sum(window.n_steps for window in windows)} steps"
    )
    if named is not None:
        console.print(escape(named.sentence))
    with tempfile.TemporaryDirectory(prefix=".autonomy-run-", dir=options.out.resolve().parent) as staging:
        evidence = _run_with_progress(configuration, windows, options, words, Path(staging), console, named=named)
        with console.status("writing the report"):
            _publish(evidence, Path(staging), options.out)
    for table in tables(evidence, console.width):
        console.print(table)
    optima = optimum_table(evidence)
    if optima is not None:
        console.print(optima)
        console.print(Text(evidence.terminal_rule, style="dim"))
    console.print(verdict_line(evidence))
    if evidence.no_optimum:
        console.print(f"no optimum: {escape(evidence.no_optimum)}", soft_wrap=True)
    console.print(Text.assemble("report: ", (str(options.out / "report.html"), "bold")), soft_wrap=True)
    broken = any(key.violations for key in evidence.kpis.values())
    return EXIT_UNSAFE if broken else EXIT_OK


def _inputs_of(named: NamedScenario) -> tuple[Configuration, Scenario]:
    demo = demo_configuration()
    return replace(demo, name=f"{demo.name}, {named.name}", community=named.community), named.scenario


def _named(options: argparse.Namespace) -> NamedScenario | None:
    """Return the named scenario that is asked for, or None; it brings its own data and its own week."""
    if options.scenario is None:
        return None
    for option in ("community", "data", "time_zone", "from_", "to"):
        if getattr(options, option) is not None:
            word = f"--{option.strip('_').replace('_', '-')}"
            raise ConfigError("--scenario", "", f"is on a week of the demo; leave out {word}")
    if options.weeks == "all":
        raise ConfigError("--weeks", "", "is held-out or left out with --scenario, which is one week")
    return named_scenario(options.scenario, options.seed, held_out=options.weeks == "held-out")


def _windows(scenario: Scenario, options: argparse.Namespace, *, held_out: bool) -> tuple[Scenario, ...]:
    if options.weeks and (options.from_ or options.to):
        raise ConfigError("--weeks", "", "chooses whole weeks; leave it out, or leave out --from and --to")
    return chosen_windows(scenario, options, held_out=held_out)


def _run_with_progress(
    configuration: Configuration,
    windows: Sequence[Scenario],
    options: argparse.Namespace,
    words: Sequence[str],
    staging: Path,
    console: Console,
    *,
    named: NamedScenario | None,
) -> RunEvidence:
    own = () if named is None or named.policy is None else (named.name,)
    policies = (*own, *(options.policies or (() if own else RIVALS)))
    jobs = len({BASELINE, *policies}) + (not options.no_optimum)
    steps = sum(window.n_steps for window in windows)
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=jobs * steps)

        def progress(label: str, done: int) -> None:
            text = "solving optimum" if label == OPTIMUM else escape(label)
            bar.update(task, advance=done, description=text)

        return run(
            configuration,
            windows,
            options=RunOptions(
                policies=policies,
                backend=options.backend,
                caution=options.caution,
                with_optimum=not options.no_optimum,
                named=named,
                command=command_line(words),
                version=autonomy.__version__,
            ),
            journal_folder=staging / "journal",
            progress=progress,
        )


def _publish(evidence: RunEvidence, staging: Path, out: Path) -> None:
    """Write the report beside the journals and move everything to `out` in one go, replacing an earlier run."""
    from autonomy.report.write import write_report  # noqa: PLC0415 - loads matplotlib

    finished = staging / "finished"
    finished.mkdir()
    write_report(evidence, finished)
    (staging / "journal").rename(finished / "journal")
    publish(finished, out, staging)
