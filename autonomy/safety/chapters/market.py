"""The market: trades and money balance to the last unit, and nobody is worse off than with the grid alone."""

from __future__ import annotations

from collections.abc import Iterator

from autonomy.safety.chapters.runtime import measured, picked
from autonomy.safety.claim import Claim
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.verdict import Verdict

BALANCE, GAIN = ("trade sum", "trade"), ("worse off",)


def claims(context: Context) -> Iterator[Claim]:
    """Yield that the budget balances and that everybody gains or breaks even, in every recorded step."""
    record = context.record(context.policy)
    found = measured(context, record)
    for id_, rules, title, statement, sentence in (
        (
            "market.balance",
            BALANCE,
            "Trades and money balance",
            "Σ t = 0 and Σ payment = 0 in whole micro-currency, and t between 0 and n, in each of {decisions} steps.",
            "In each of {decisions:,} steps, sales equal purchases and payments sum to zero, to the last micro-unit.",
        ),
        (
            "market.gain",
            GAIN,
            "Nobody pays more than without the market",
            "Who trades pays no more than the own limit and than the tariff, to one micro-unit, in {decisions} steps.",
            "In none of {decisions:,} steps does anybody pay more, or get less, for a trade than at the grid's tariff.",
        ),
    ):
        broken = {rule: times for rule, times in found["broken"].items() if rule in rules}
        yield Claim(
            id=id_,
            title=title,
            statement=statement,
            sentence=sentence,
            verdict=Verdict.REFUTED if broken else Verdict.PROVED_EXACT,
            method="every cleared trade and payment judged again in fractions; docs/market.md has why it is so for "
            "all books",
            tool="verify.py, Python's fractions",
            checker=CHECKER,
            values=picked(found, "decisions", "broken"),
            witness=broken or None,
            certificate=record.market,
            check=(context.record_check(record),),
            **context.about(),
        )
