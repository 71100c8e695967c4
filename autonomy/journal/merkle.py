"""Merkle trees over the lines between two root lines: one line can be proved with a path of log2(lines) hashes.

leaf  = SHA-256(0x00 ‖ hash of the line)
inner = SHA-256(0x01 ‖ left ‖ right),  the left part being the largest power of two below the size [RFC6962]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

EMPTY = sha256(b"").digest()
"""The root of no lines."""


def leaf_of(line_hash: str) -> bytes:
    """Return the leaf of a line, given its hash in hexadecimal."""
    return sha256(b"\0" + bytes.fromhex(line_hash)).digest()


def _inner(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class MerkleTree:
    """Grows by one leaf at a time, with one inner hash a leaf on average; keeps only the roots of full subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, line_hash: str) -> None:
        """Add the next line."""
        node, full, peaks = leaf_of(line_hash), self.size, self._peaks
        while full & 1:
            node, full = _inner(peaks.pop(), node), full >> 1
        peaks.append(node)
        self.size += 1

    def root(self) -> str:
        """Return the root of all lines so far, hexadecimal."""
        if not self._peaks:
            return EMPTY.hex()
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = _inner(peak, node)
        return node.hex()


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Why a line is under a root.

    Attributes:
        place: Which line it is below its root, from 0.
        lines: How many lines are below the root.
        path: Hashes of the neighbours on the way from the line to the root, hexadecimal.
    """

    place: int
    lines: int
    path: tuple[str, ...]

    def root(self, line_hash: str) -> str:
        """Return the root that follows for a line with this hash; compare it with the published one."""
        node, place, last = leaf_of(line_hash), self.place, self.lines - 1
        for neighbour in map(bytes.fromhex, self.path):
            while not place & 1 and place == last:  # the right edge goes up without a neighbour
                place, last = place >> 1, last >> 1
            node = _inner(neighbour, node) if place & 1 else _inner(node, neighbour)
            place, last = place >> 1, last >> 1
        return node.hex()


def prove(line_hashes: Sequence[str], place: int) -> Proof:
    """Return the proof for one of the lines below a root."""
    level, path, at = [leaf_of(line) for line in line_hashes], [], place
    while len(level) > 1:
        if at ^ 1 < len(level):
            path.append(level[at ^ 1].hex())
        odd = level[-1:] if len(level) % 2 else []
        level = [_inner(level[k], level[k + 1]) for k in range(0, len(level) - 1, 2)] + odd
        at >>= 1
    return Proof(place=place, lines=len(line_hashes), path=tuple(path))
