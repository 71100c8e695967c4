"""Results of the dispatch benchmark as tables of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from autonomy.benchmark.dispatch.case import Execution
from autonomy.benchmark.dispatch.communities import COMMUNITIES
from autonomy.benchmark.dispatch.row import TERMINAL_RULE, DispatchRow
from autonomy.benchmark.dispatch.share import DRAWS, LEVEL, Interval
from autonomy.benchmark.dispatch.summary import ALL, Loss, Summary
from autonomy.benchmark.table import Table
from autonomy.report.optimum import gap_text
from autonomy.report.quantity import MISSING, count, duration, percent, quantity
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE

RULE = f"Energy left at the end is worth the {TERMINAL_RULE}, for every policy and the optimum alike."
FRONT = "★"


def dispatch_tables(
    rows: Sequence[DispatchRow], summaries: Sequence[Summary], losses: Sequence[Loss], rival: str
) -> tuple[Table, ...]:
    """Return the shares of every community, the loss split, what safety costs, the front, and what failed."""
    others = (loss_table(losses), safety_table(summaries), front_table(summaries), failure_table(rows))
    return (*share_tables(rows, summaries, rival), *(table for table in others if table is not None))


def share_tables(rows: Sequence[DispatchRow], summaries: Sequence[Summary], rival: str) -> tuple[Table, ...]:
    """Return the shares of all communities side by side, where there are several, and those of each."""
    shielded = _shielded(summaries)
    communities = list(dict.fromkeys(one.community for one in shielded))
    each = [_shares([one for one in shielded if one.community == name], rows, rival) for name in communities]
    return (_overview(shielded, communities), *each) if len(communities) > 1 else tuple(each)


def optima_sentence(rows: Sequence[DispatchRow]) -> str:
    """Return what is proved of the optima."""
    ran = [row for row in rows if row.policy == OPTIMUM and row.ran]
    if not ran:
        return "No optimum was found."
    counts = Counter(row.verdict or "unchecked" for row in ran)
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    gap = gap_text(max(row.gap for row in ran))
    return f"{count(len(ran), 'optimum', 'optima')}: {verdicts}, at most {gap} above the bound."


def _shielded(summaries: Sequence[Summary]) -> list[Summary]:
    return [one for one in summaries if one.execution != Execution.UNSHIELDED]


def _overview(shielded: Sequence[Summary], communities: Sequence[str]) -> Table:
    shown = [one for one in shielded if one.policy not in (BASELINE, OPTIMUM)]
    names = list(dict.fromkeys(one.name for one in shown))
    found = {(one.community, one.name): bracketed(one.share, sign="") for one in shown}
    return Table(
        title="Share of the achievable saving, per cent",
        note=f"{ALL.capitalize()}: the mean of their shares. Brackets: {percent(LEVEL, 0)} intervals. {RULE}",
        head=("community", *names),
        rows=tuple((place, *(found.get((place, name), MISSING) for name in names)) for place in communities),
    )


def _shares(of_community: Sequence[Summary], rows: Sequence[DispatchRow], rival: str) -> Table:
    name = of_community[0].community
    mine = [row for row in rows if name in (ALL, row.community)]
    weeks = len({row.week for row in mine})
    what = "mean of the shares" if name == ALL else COMMUNITIES[name].sentence if name in COMMUNITIES else name
    return Table(
        title=f"Share of the achievable saving: {name} ({what})",
        note=f"{count(weeks, 'held-out week')}; (grid-only − cost)/(grid-only − optimum) over all of them. "
        f"{optima_sentence(mine)} {RULE} Brackets: {percent(LEVEL, 0)} intervals of a bootstrap over weeks and seeds, "
        f"{DRAWS:,} draws, paired: all policies get the same. Above rival: the share less that of {rival}. A failed "
        "case counts as having saved nothing, and its time as the limit.",
        head=("policy", "share", "above rival", "cost", "shed kWh", "broken", "a step", "failed"),
        rows=tuple(_share_line(one) for one in of_community),
    )


def _share_line(one: Summary) -> tuple[str, ...]:
    is_mark = one.policy in (BASELINE, OPTIMUM)
    return (
        one.name,
        percent(one.share.value) if is_mark else bracketed(one.share),
        MISSING if is_mark else bracketed(one.over_rival),
        quantity(one.cost, 2),
        quantity(one.shed_kwh, 1),
        str(one.violations),
        duration(one.latency_p50_s),
        f"{one.failures}/{one.cases}",
    )


def bracketed(figure: Interval, sign: str = " %") -> str:
    """Return a share with its interval in per cent."""
    if figure.value != figure.value:
        return MISSING
    value, low, high = (quantity(100.0 * end, 1) for end in (figure.value, figure.low, figure.high))
    return f"{value}{sign} [{low}, {high}]"


def loss_table(losses: Sequence[Loss]) -> Table | None:
    """Return where every policy's loss comes from; None where nothing was swapped."""
    if not losses:
        return None
    body = []
    for loss in losses:
        parts = (loss.total, loss.market, loss.forecast_part, loss.projection, loss.policy_part)
        name = f"{loss.policy}, {loss.forecast}" if loss.forecast else loss.policy
        body.append((f"{loss.community}: {name}", *(quantity(part, 2) for part in parts)))
    return Table(
        title="Where the loss comes from",
        note="Cost above the optimum over all weeks, one part swapped at a time. Market: to the same set-points with "
        "everything matched at home that is offered; forecast: then to the perfect one; projection: then to no Layers "
        "2 and 3; policy: the rest to the optimum. Parts may be negative: unsafe set-points may be cheaper or dearer. "
        f"{RULE}",
        head=("policy", "loss", "market", "forecast", "projection", "policy part"),
        rows=tuple(body),
    )


def safety_table(summaries: Sequence[Summary]) -> Table | None:
    """Return what the shield costs every policy and what it keeps; None where all were shielded."""
    if all(one.execution != Execution.UNSHIELDED for one in summaries):
        return None
    body = []
    by_name = {(one.community, one.name, one.execution): one for one in summaries}
    for (community, name, execution), bare in by_name.items():
        safe = by_name.get((community, name, str(Execution.SHIELDED)))
        if execution != Execution.UNSHIELDED or safe is None or community == ALL:
            continue
        price = safe.cost - bare.cost
        steps = f"{bare.unsafe_steps:,} of {bare.steps:,}"
        costs = (quantity(safe.cost, 2), quantity(bare.cost, 2), quantity(price, 2), percent(price / abs(bare.cost), 2))
        body.append((f"{community}: {name}", *costs, str(safe.violations), str(bare.violations), steps,
                     quantity(bare.worst_kw, 2)))  # fmt: skip
    return Table(
        title="The price of safety",
        note="Shielded against unshielded cost. Unshielded: the intent, within what each battery can do, executed "
        "without Layers 2 and 3; nobody curtails or sheds, and what breaks a limit costs nothing. Broken: by the "
        f"invariants of the simulator. {RULE}",
        head=(
            "policy",
            "shielded",
            "unshielded",
            "price",
            "of cost",
            "broken",
            "broken unshielded",
            "steps",
            "worst kW",
        ),
        rows=tuple(body),
    )


def front_table(summaries: Sequence[Summary]) -> Table:
    """Return cost, CO2 and peak of every policy, and who is on the front."""
    shown = [one for one in _shielded(summaries) if one.community != ALL]
    body = tuple(
        (
            f"{one.community}: {one.name}",
            FRONT if one.is_on_front else "",
            quantity(one.cost, 2),
            quantity(one.co2_kg, 0),
            quantity(one.peak_import_kw, 1),
        )
        for one in shown
    )
    return Table(
        title="Cost, CO2 and peak",
        note=f"{FRONT}: nobody in the community that breaks nothing is as good in all three and better in one. Peak: "
        f"the highest import of a week, the mean over weeks. {RULE}",
        head=("policy", "front", "cost", "CO2 kg", "peak kW"),
        rows=body,
    )


def failure_table(rows: Sequence[DispatchRow]) -> Table | None:
    """Return the cases that did not run, and why; None where all did."""
    broken = [row for row in rows if not row.ran]
    if not broken:
        return None
    return Table(
        title="What failed",
        note="Each is charged the time limit and counts as having saved nothing.",
        head=("case", "outcome", "charged", "why"),
        rows=tuple((row.key, str(row.outcome), duration(row.charged_s), row.message) for row in broken),
    )
