"""Exact amounts rounded to whole ones with a given sum, in machine code; `autonomy.market.whole` has the rule."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.kernel.merit import arrange
from autonomy.solvers.kernel.prices import compiled


@compiled()
def round_off(whole, lost, slack, size, extra, order, spare, wish):
    """Add `extra` ones to `whole`: one each where most was lost and there is slack, what is left by slack.

    Args:
        whole: (N,) the amounts rounded down; changed.
        lost: (N,) minus what was rounded away, in any unit.
        slack: (N,) how many ones each can take before it is worse off; changed.
        size: (N,) the larger comes first where the rest is equal.
        extra: Ones to add, at most as many as amounts of which something was lost.
        order: (N,) to work in.
        spare: (N,) to work in.
        wish: (N,) to work in.
    """
    if extra <= 0:
        return
    total = count = 0
    for i in range(slack.size):
        total += min(slack[i], extra)
    for i in range(lost.size):
        if lost[i] < 0 and (slack[i] > 0 or total < extra):
            order[count] = i
            count += 1
    each = min(count, extra)
    if each < count:
        arrange(order[:count], lost, lost, size, spare)
    for k in range(each):
        whole[order[k]] += 1
        slack[order[k]] -= 1
    rest, total = extra - each, 0
    if rest == 0:
        return
    for i in range(slack.size):
        wish[i] = -min(slack[i], rest)
        order[i] = i
        total -= wish[i]
    arrange(order, wish, wish, size, spare)
    left = rest
    for i in range(slack.size):
        share = -wish[i] * rest // total
        whole[i] += share
        left -= share
    for k in range(left):
        whole[order[k]] += 1
