"""Convex functions of one number as staircases, in machine code: the slopes of their pieces, and how long those are.

A function that is convex and piecewise linear on [low, low + Σ lengths] is, but for a constant, its slopes in ascending
order with the length of each piece. Three operations are all that dynamic programming over one stock needs:

    (f □ g)(x) = min over u of f(u) + g(x − u)      the pieces of both, sorted by slope
    f restricted to a part of its interval          pieces cut off at both ends
    Σ p_k·f_k                                       slopes averaged, on one and the same even grid

The first is the infimal convolution, and that merging sorted pieces computes it is the reason why it is exact: whoever
may take x from two sources takes it where the next bit is cheapest.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.kernel.prices import compiled

SHORT = 1e-12
"""Lengths below are rounding."""


@compiled(inline=True)
def append(slope, length, count, slopes, lengths):
    """Add a piece to a function whose pieces may fall: what is kept is its lower convex hull. Returns the new count."""
    while count > 0 and slopes[count - 1] >= slope:
        both = length + lengths[count - 1]
        slope = (slope * length + slopes[count - 1] * lengths[count - 1]) / both
        length, count = both, count - 1
    slopes[count], lengths[count] = slope, length
    return count + 1


@compiled(inline=True)
def convolve(first, second, skip, keep, stretch, slopes, lengths):
    """Write f □ g on `keep` of its interval, from `skip` after its beginning, with x divided by `stretch`.

    Args:
        first: (slopes, lengths, count) of f.
        second: The same of g.
        skip: Length that is left out, >= 0.
        keep: Length that is kept, as far as there is so much.
        stretch: x counts `stretch` times: lengths are divided by it and slopes multiplied.
        slopes: Room for all pieces of both.
        lengths: The same.

    Returns:
        The number of pieces written.
    """
    i = j = count = 0
    while keep > 0.0 and (i < first[2] or j < second[2]):
        if j == second[2] or (i < first[2] and first[0][i] <= second[0][j]):
            slope, length = first[0][i], first[1][i]
            i += 1
        else:
            slope, length = second[0][j], second[1][j]
            j += 1
        if length <= skip:
            skip -= length
            continue
        length, skip = min(length - skip, keep), 0.0
        keep -= length
        slopes[count], lengths[count] = slope * stretch, length / stretch
        count += 1
    return count


@compiled(inline=True)
def gridded(slopes, lengths, count, weight, cell, sums):
    """Add `weight` times the mean slope over each cell of an even grid to `sums`."""
    j, left = 0, lengths[0]
    for g in range(sums.size):
        need, total, slope = cell, 0.0, slopes[j]
        while need > SHORT and j < count:
            part, slope = min(need, left), slopes[j]
            total += slope * part
            need, left = need - part, left - part
            if left <= SHORT:
                j += 1
                left = lengths[j] if j < count else 0.0
        j = min(j, count - 1)
        sums[g] += weight * (total + slope * need) / cell


@compiled(inline=True)
def taken(first, second, x, tolerance):
    """Return the least and the most u of f that attain (f □ g)(x), both counted from the beginning of the intervals.

    Args:
        first: (slopes, lengths, count) of f.
        second: The same of g.
        x: Counted from the sum of both beginnings, 0 <= x <= the length of both together.
        tolerance: Slopes that differ by less are the same.
    """
    least = most = 0.0
    for prefers_first in range(2):
        i = j = 0
        left, u = x, 0.0
        margin = tolerance if prefers_first else -tolerance
        while left > 0.0 and (i < first[2] or j < second[2]):
            if j == second[2] or (i < first[2] and first[0][i] <= second[0][j] + margin):
                part = min(first[1][i], left)
                u += part
                i += 1
            else:
                part = min(second[1][j], left)
                j += 1
            left -= part
        if prefers_first:
            most = u
        else:
            least = u
    return least, most
