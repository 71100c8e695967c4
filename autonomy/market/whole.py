"""Whole shares of a whole total, and exact amounts rounded to whole ones with a given sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Index


def parts_of(amount: Index, left: int, total: int) -> Index:
    """Return amount·left // total for 0 <= amount, left <= total < 2^53, exactly, though products exceed 64 bits.

    The quotient in floats is off by a few; the remainder it leaves is small, so 64 bits hold it even where they wrap.
    """
    quotient: Index = (amount / total * left).astype(np.int64)
    return quotient + (amount * left - quotient * total) // total


def in_proportion(amount: Index, total: int) -> Index:
    """Return whole shares of `total`, at most Σ amount, in proportion; what does not divide goes to the first."""
    everything = int(amount.sum())
    if everything == total:
        return amount
    shares = parts_of(amount, total, everything)
    shares[: total - int(shares.sum())] += 1
    return shares


def first_of(count: int, lost: NDArray[Any], size: NDArray[Any]) -> NDArray[np.intp]:
    """Return the positions of the `count` lowest of `lost`, among equals those of larger size, then by position."""
    if count >= lost.size:
        return np.arange(lost.size)
    edge = np.partition(lost, count - 1)[count - 1]
    before, tied = (lost < edge).nonzero()[0], (lost == edge).nonzero()[0]
    tied = tied[np.argsort(-size[tied], kind="stable")]
    return np.concatenate((before, tied[: count - before.size]))


def round_off(whole: Index, lost: NDArray[Any], slack: Index, size: NDArray[Any], extra: int) -> Index:
    """Return amounts rounded down, `whole`, with `extra` ones added.

    One each goes to those of whom most was rounded away and who have slack left: everybody stays within one of the
    exact amount. If that is not enough, the rest goes to those with slack in proportion to it: a few pay a little more
    so that nobody is worse off than its limit. If all slack is not enough (whole amounts that keep everybody do not
    exist), slack is no matter: everybody is within one again.

    Args:
        whole: (N,) amounts rounded down.
        lost: (N,) minus what was rounded away, in any unit.
        slack: (N,) how many ones each can take before it is worse off.
        size: (N,) the larger comes first where the rest is equal; with a sign, so that sellers and buyers differ.
        extra: Ones to add, at most as many as amounts of which something was lost.
    """
    if extra <= 0:
        return whole
    reach = np.minimum(slack, extra)
    is_kept = int(reach.sum()) >= extra
    rounded = ((lost < 0) & (slack > 0) if is_kept else lost < 0).nonzero()[0]
    ones = np.zeros(whole.size, dtype=np.int64)
    ones[rounded[first_of(min(extra, rounded.size), lost[rounded], size[rounded])]] = 1
    rest = extra - int(ones.sum())
    if rest > 0:
        left = np.minimum(slack - ones, rest)
        order = np.lexsort((-size, -left))
        ones[order] += in_proportion(left[order], rest)
    return whole + ones
