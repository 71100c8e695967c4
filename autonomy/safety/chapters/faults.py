"""Faults: what was injected, which of them broke a rule of the true physical state, and which were found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from autonomy.errors import DataError
from autonomy.faults.bound import CONFIDENCE, upper_bound
from autonomy.faults.matrix import OURS, Bench, Settings
from autonomy.faults.result import Result
from autonomy.faults.words import Channel, Severity
from autonomy.layers.errors import ModelError
from autonomy.safety.claim import Claim, Figure, Role
from autonomy.safety.context import Context
from autonomy.safety.exhibit import Table
from autonomy.safety.verdict import Verdict

UNTRUSTED = (Channel.INTENT, Channel.POLICY, Channel.SOLVER, Channel.PRICE, Channel.FEEDER, Channel.CLOCK, Channel.DISK)
"""Channels that nothing physical rests on."""
TRUSTED = (Channel.DEMAND, Channel.PV, Channel.SOC, Channel.ACTUATOR)
"""Channels that have to tell the truth."""


def claims(context: Context) -> Iterator[Claim]:
    """Yield one claim about the channels that are never trusted, and one about those that are."""
    settings = Settings(
        policy=context.policy,
        severities=tuple(Severity) if context.is_full else (Severity.MEDIUM,),
        runs=5 if context.is_full else 1,
    )
    try:
        bench = Bench(settings, community=context.configuration.community, scenario=context.scenario)
    except (DataError, ModelError):
        return
    results: list[Result] = []
    for entry in settings.entries:
        context.progress(f"injecting {entry.channel} {entry.kind}")
        results += bench.results_of(next(iter(bench.rigs_for(entry.channel))), entry)
    yield _claim(
        context,
        [result for result in results if result.channel in UNTRUSTED],
        id_="faults.untrusted",
        title="Faults of policy, solver, prices, clock and disk",
        what="policy, solver, intent, price, feeder meter, clock and disk",
        role=Role.PROMISE,
        settings=settings,
    )
    yield _claim(
        context,
        [result for result in results if result.channel in TRUSTED],
        id_="faults.trusted",
        title="Faults of meters and batteries",
        what="demand, PV and charge meters, and batteries that disobey",
        role=Role.LIMIT,
        settings=settings,
    )


def _claim(
    context: Context, results: Sequence[Result], *, id_: str, title: str, what: str, role: Role, settings: Settings
) -> Claim:
    broken = [result for result in results if result.violations > 0 or result.no_decision > 0]
    found = [result for result in results if result.delay is not None]
    upper = math.ceil(upper_bound(len(broken), len(results)) * 1e6) / 1e6
    values = {"trials": len(results), "failures": len(broken), "upper": upper, "confidence": CONFIDENCE}
    worst = max(broken, key=lambda result: result.worst_line_kw, default=None)
    still = sum(result.violations_found > 0 for result in broken)
    return Claim(
        id=id_,
        title=title,
        statement=f"Under faults of {what}, {{failures}} of {{trials}} runs broke a rule of the true physical state, "
        "{still} of them after the fault was found; {found} of {effective} that changed anything were found.",
        sentence=f"Faults of {what}: none of {{trials}} runs broke a limit (at most {{upper:.1%}} do, at 95 % "
        "confidence)."
        if not broken
        else f"“No limit breaks under faults of {what}” is false: {{failures}} of {{trials}} runs broke one; at worst "
        "a line carried {worst_line_kw:.1f} kW more than it may. {found} of {effective} faults were found.",
        verdict=Verdict.REFUTED if broken else Verdict.TESTED,
        method="fault injection beside a fault-free twin; the plant knows the truth and judges by it",
        tool=f"autonomy faults, seed {settings.seed}, {OURS}",
        checker=f"autonomy faults --policy {context.policy}" + ("" if context.is_full else " --quick"),
        values={
            **values,
            "still": still,
            "found": len(found),
            "effective": sum(result.effective for result in results),
            "worst_line_kw": max((result.worst_line_kw for result in results), default=0.0),
        },
        bound=Figure(of="upper", label="runs that break a limit, at most"),
        witness=None
        if worst is None
        else {
            **{name: getattr(worst, name) for name in ("channel", "kind", "severity", "phase", "scope", "run")},
            "rules": [list(rule) for rule in worst.rules],
            "line_kw": worst.worst_line_kw,
            "seed": settings.seed,
        },
        role=role,
        assumptions=("assume.scope",),
        check=({"kind": "count", **values},),
        exhibits=(_table(results),),
        **context.about(),
    )


def _table(results: Sequence[Result]) -> Table:
    cells: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        cells.setdefault((result.channel, result.kind), []).append(result)
    rows = []
    for (channel, kind), runs in cells.items():
        changed = [run for run in runs if run.effective]
        delays = sorted(run.delay for run in changed if run.delay is not None)
        rows.append((
            channel,
            kind,
            len(runs),
            sum(run.violations > 0 for run in runs),
            f"{max(run.worst_line_kw for run in runs):.1f}",
            f"{len(delays)} of {len(changed)}",
            str(delays[len(delays) // 2]) if delays else "–",
        ))  # fmt: skip
    rows.sort(key=lambda row: (-row[3], row[0], row[1]))
    return Table(
        title="Every combination of channel and kind",
        head=("channel", "kind", "runs", "broke a rule", "line kW at most", "found", "delay p50, steps"),
        rows=tuple(rows),
        note="What is found in less than half of the runs that it changed is a blind spot. docs/faults.md explains "
        "the words.",
    )
