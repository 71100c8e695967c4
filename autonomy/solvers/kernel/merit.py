"""Orders of merit and shares of a total, in machine code."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.kernel.prices import compiled

RUN = 16
"""So many are sorted by insertion; longer rows are merged from such runs."""


@compiled(inline=True)
def _is_before(i, j, first, second, third):
    if first[i] != first[j]:
        return first[i] < first[j]
    if second[i] != second[j]:
        return second[i] < second[j]
    return third[i] > third[j]


@compiled()
def arrange(index, first, second, third, spare):
    """Sort `index` so that `first` rises, among equals `second` rises, then `third` falls; the rest stays in order."""
    size, width = index.size, RUN
    for start in range(0, size, RUN):
        for k in range(start + 1, min(start + RUN, size)):
            item, at = index[k], k
            while at > start and _is_before(item, index[at - 1], first, second, third):
                index[at] = index[at - 1]
                at -= 1
            index[at] = item
    while width < size:
        for start in range(0, size, 2 * width):
            middle, stop = min(start + width, size), min(start + 2 * width, size)
            one, two = start, middle
            for k in range(start, stop):
                is_second = two < stop and (one == middle or _is_before(index[two], index[one], first, second, third))
                spare[k] = index[two] if is_second else index[one]
                two, one = two + is_second, one + (not is_second)
        for k in range(size):
            index[k] = spare[k]
        width *= 2


@compiled(inline=True)
def part_of(item, left, total):
    """Return item·left // total for 0 <= item, left <= total < 2^53, exactly, though the product may exceed 64 bits.

    The quotient in floats is off by a few; the remainder it leaves is small, so 64 bits hold it even where they wrap.
    """
    quotient = int(item / total * left)
    rest = item * left - quotient * total
    return quotient + rest // total
