"""Rows of numbers as decimal text, in machine code: six decimals, none more than needed, "null" for what is no number.

The text is that of the shortest decimal fraction that reads back as the rounded number, as JSON writers print it.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, types, uint8, uint64

from autonomy.solvers.kernel.prices import compiled

STEPS, DECIMALS = 1e6, 6
BELOW = 1e9
"""Numbers from here up have no sixth decimal, and are left to others."""
WIDEST = 20
"""Characters that a number takes at most, its comma or bracket among them: −999999999.999999 and one more."""
COLUMN = types.Array(float64, 1, "C", readonly=True)
TEXT, MARKS = (types.Array(kind, 1, "C", readonly=True) for kind in (uint8, int64))
SIGNATURE = int64(*[COLUMN] * 11, TEXT, MARKS, uint8[::1])
NULL = np.frombuffer(b"null", dtype=np.uint8)
TEN, THOUSAND, MILLION = np.uint64(10), np.uint64(1000), np.uint64(10**DECIMALS)
"""Unsigned, as division of integers that may be negative takes longer."""
THREE = np.frombuffer("".join(f"{k:03}" for k in range(1000)).encode(), dtype=np.uint8)
"""The digits of 000 to 999."""
MINUS, POINT, ZERO, EXPONENT, COMMA, OPEN, CLOSE = b"-.0e,[]"


@compiled(inline=True)
def _put_three(out, at, number):
    """Write three digits of a number below 1000."""
    start = 3 * number
    out[at], out[at + 1], out[at + 2] = THREE[start], THREE[start + 1], THREE[start + 2]


@compiled(inline=True)
def _put_whole(out, at, whole):
    """Write an integer >= 0; return the place after it."""
    if whole < TEN:
        out[at] = ZERO + whole
        return at + 1
    digits, rest = 1, whole // TEN
    while rest > 0:
        digits, rest = digits + 1, rest // TEN
    for k in range(digits):
        out[at + digits - 1 - k] = ZERO + whole % TEN
        whole //= TEN
    return at + digits


@compiled(inline=True)
def _put(out, at, value):
    """Write a finite number below BELOW; return the place after it."""
    steps = uint64(np.rint(abs(value) * STEPS))
    if np.signbit(value):
        out[at] = MINUS
        at += 1
    if 0 < steps < TEN:  # shorter with an exponent
        out[at], out[at + 1], out[at + 2], out[at + 3] = ZERO + steps, EXPONENT, MINUS, ZERO + DECIMALS
        return at + 4
    whole = steps // MILLION
    part = steps - whole * MILLION
    at = _put_whole(out, at, whole)
    out[at] = POINT
    at += 1
    if part == 0:
        out[at] = ZERO
        return at + 1
    _put_three(out, at, part // THOUSAND)
    _put_three(out, at + 3, part % THOUSAND)
    last = at + DECIMALS
    while out[last - 1] == ZERO:
        last -= 1
    return last


@compiled(inline=True)
def _put_row(out, at, row):
    """Write "[1.0,null,2.5]"; return the place after it, or −1 when a number is too large."""
    out[at] = OPEN
    at += 1
    for i in range(row.size):
        value = row[i]
        if BELOW <= abs(value) < np.inf:
            return -1
        if abs(value) < BELOW:
            at = _put(out, at, value)
        else:
            for k in range(NULL.size):
                out[at + k] = NULL[k]
            at += NULL.size
        out[at] = COMMA
        at += 1
    if row.size > 0:
        at -= 1
    out[at] = CLOSE
    return at + 1


@compiled(SIGNATURE)
def print_rows(a, b, c, d, e, f, g, h, i, j, k, text, marks, out):
    """Write text[marks[0]:marks[1]], the first row, text[marks[1]:marks[2]], the second, ...; return how much was.

    Args:
        a: (N,) the first of eleven rows.
        b: (N,)
        c: (N,)
        d: (N,)
        e: (N,)
        f: (N,)
        g: (N,)
        h: (N,)
        i: (N,)
        j: (N,)
        k: (N,)
        text: What stands before each row, and after the last.
        marks: (13,) where each piece of the text begins, and its end.
        out: At least text.size + 11·(WIDEST·N + 2) places.

    Returns:
        The number of places written, or −1 when a number is too large, or the sizes do not fit.
    """
    at, piece = 0, 0
    if out.size < text.size + 11 * (WIDEST * a.size + 2):
        return -1
    for row in (a, b, c, d, e, f, g, h, i, j, k):
        for place in range(marks[piece], marks[piece + 1]):
            out[at] = text[place]
            at += 1
        at = _put_row(out, at, row) if row.size == a.size else -1
        if at < 0:
            return -1
        piece += 1
    for place in range(marks[piece], marks[piece + 1]):
        out[at] = text[place]
        at += 1
    return at
