"""Results of the benchmark of bids as tables of text, and the one sentence that they come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from autonomy.benchmark.bidding.row import OWN, BiddingRow
from autonomy.benchmark.table import Table
from autonomy.report.quantity import count, percent, quantity

DEMO = "demo"
STANDS = ("saving", "regret", "worst", "share", "in a week", "constant", "worst", "hourly", "worst")
"""What is said of how bidders stand, in two tables."""


def bidding_tables(rows: Sequence[BiddingRow], currency: str) -> tuple[Table, ...]:
    """Return where orders lie and what clears, what could be gained, and each community by itself."""
    alone = [row for row in rows if row.bids == OWN]
    first = [row for row in alone if (row.rule, row.fee) == (alone[0].rule, alone[0].fee)]
    return (_orders(rows), _gains(rows, currency), *([_communities(first, currency)] if len(first) > 1 else []))


def sentence(rows: Sequence[BiddingRow], currency: str) -> str:
    """Return by how much anybody does worse than bidding truthfully, at most of all that was measured."""
    own = [row for row in rows if row.bids == OWN and row.rule == rows[0].rule]
    worst, share = max(row.regret_worst for row in own), max(row.regret_share for row in own)
    week, seen = max(row.regret_week for row in own), {row.community: row.n_prosumers for row in own}
    return (
        f"No prosumer does worse than bidding truthfully by more than {quantity(worst, 3)} {currency} a week "
        f"({percent(share, 2)} of its bill), or {quantity(week, 3)} {currency} in any single week: found among "
        f"{count(sum(seen.values()), 'prosumer')} of {count(len(seen), 'community', 'communities')}, "
        f"{count(max(row.n_weeks for row in own), 'week')} each, {own[0].rule} auction."
    )


def _orders(rows: Sequence[BiddingRow]) -> Table:
    return Table(
        title="Where orders lie, and what clears",
        note="Places between the tariffs, 0 feed-in and 1 retail (less the fee): the lowest and the highest order, "
        "medians of asks and of bids, and the mean price, by energy. Outside: orders beyond the tariffs. Then the "
        "share of what could be traded that is, by energy and by worth. Losers: who ever paid more than without trade.",
        head=("bids", "lowest", "asks", "bids", "highest", "outside", "price", "energy", "worth", "losers"),
        rows=tuple(
            (
                label,
                quantity(min(row.lowest for row in group)),
                *(quantity(_mean(group, name)) for name in ("ask", "bid")),
                quantity(max(row.highest for row in group)),
                str(sum(row.outside for row in group)),
                quantity(_mean(group, "price")),
                *(percent(_mean(group, name), 2) for name in ("cleared", "cleared_worth")),
                str(sum(row.losers for row in group)),
            )
            for label, group in _groups(rows)
        ),
    )


def _gains(rows: Sequence[BiddingRow], currency: str) -> Table:
    return Table(
        title="What other bids would gain",
        note=f"{currency} a week and prosumer, the others bidding as they do: the mean over prosumers, and the one "
        "with most. Regret: what bidding truthfully would gain (less than 0: cost), its largest share of a bill "
        "without trade, and the largest in a single week. Constant: the best order for all hours, in hindsight. "
        "Hourly: the best order of every hour. Moved: mean difference to what each saves if all bid truthfully.",
        head=("bids", *STANDS, "moved"),
        rows=tuple((label, *_stands(group), quantity(_mean(group, "moved"), 2)) for label, group in _groups(rows)),
    )


def _stands(group: Sequence[BiddingRow]) -> tuple[str, ...]:
    """Return the figures below the headings `STANDS`."""
    return (
        quantity(_mean(group, "saving")),
        quantity(_mean(group, "regret"), 3),
        quantity(max(row.regret_worst for row in group), 3),
        percent(max(row.regret_share for row in group), 2),
        quantity(max(row.regret_week for row in group), 3),
        quantity(_mean(group, "constant"), 3),
        quantity(max(row.constant_worst for row in group), 3),
        quantity(_mean(group, "hourly"), 3),
        quantity(max(row.hourly_worst for row in group), 3),
    )


def _communities(rows: Sequence[BiddingRow], currency: str) -> Table:
    first, body = rows[0], []
    for community in dict.fromkeys(row.community for row in rows):
        for policy in dict.fromkeys(row.policy for row in rows):
            group = [row for row in rows if (row.community, row.policy) == (community, policy)]
            figures = (quantity(_mean(group, "bill")), percent(_mean(group, "cleared"), 2), *_stands(group))
            body.append((f"{community}: {policy}", *figures))
    fee = f", fee {first.fee:g}" if first.fee else ""
    return Table(
        title=f"Each community, {first.rule}{fee}",
        note=f"As above; bill: {currency} a week and prosumer without trade.",
        head=("bids", "bill", "energy", *STANDS),
        rows=tuple(body),
    )


def _groups(rows: Sequence[BiddingRow]) -> Iterator[tuple[str, list[BiddingRow]]]:
    """Yield rows that stand in one line: one auction, who bids, and the demo or all other communities together."""
    auctions = dict.fromkeys((row.rule, row.fee) for row in rows)
    names = list(dict.fromkeys([_name(row) for row in rows if row.bids == OWN] + [_name(row) for row in rows]))
    for is_demo in (True, False):
        some = [row for row in rows if (row.community == DEMO) is is_demo]
        place = DEMO if is_demo else f"{len({row.community for row in some})} unseen"
        for rule, fee in auctions:
            words = [
                place,
                *([rule] if len({key for key, _ in auctions}) > 1 else []),
                *([f"fee {fee:g}"] if fee else []),
            ]
            for name in names:
                group = [row for row in some if (row.rule, row.fee, _name(row)) == (rule, fee, name)]
                if group:
                    yield f"{', '.join(words)}: {name}", group


def _name(row: BiddingRow) -> str:
    return row.policy if row.bids == OWN else row.bids


def _mean(rows: Sequence[BiddingRow], name: str) -> float:
    """Return the mean of a figure over rows: communities and seeds count alike."""
    return float(np.mean([getattr(row, name) for row in rows]))
