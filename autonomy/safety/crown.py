"""Checks bounds of a policy's network with nothing but Python: linear bound propagation in whole numbers.

Written from docs/policy-proofs.md and docs/learning-files.md; no code is shared with whoever proposes the bounds.
Weights are the fractions that their floats are; rounding is outward. verify.py loads this file from beside itself.
"""

import ast
import hashlib
import io
import math
import struct
import zipfile
import zlib
from copy import copy
from fractions import Fraction
from operator import mul
from typing import Any

FEATURES, OWN, CUT = 80, 3, 5
INPUTS = FEATURES + 1 + OWN
STEP, GRID, FINE = 12, 40, 1 << 40  # bits of the slopes, and of the ends of intervals
Row = list[int]


def need(holds: bool, text: str) -> None:
    """Refuse what does not hold."""
    if not holds:
        raise ValueError(text)


def arrays(content: bytes, place: int) -> dict[str, Any]:
    """Return the arrays of one network of a weights file, as nested lists of floats."""
    found: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.startswith(f"{place}-"):
                raw = archive.read(name)
                need(raw[:8] == b"\x93NUMPY\x01\x00", f"{name} is no array")
                start = 10 + struct.unpack("<H", raw[8:10])[0]
                said = ast.literal_eval(raw[10:start].decode("latin1"))
                need(said["descr"] == "<f8" and not said["fortran_order"], f"{name} is of another type")
                values, shape = struct.unpack(f"<{math.prod(said['shape'])}d", raw[start:]), said["shape"]
                wide = shape[-1]
                rows = [list(values[k : k + wide]) for k in range(0, len(values), wide)]
                found[name.partition("-")[2].removesuffix(".npy")] = rows if len(shape) == 2 else rows[0]
    need(bool(found), f"there is no network {place}")
    return found


class Layer:
    """An affine layer in whole numbers: weight columns in units of 2**-bits, biases as fractions, which units bend."""

    def __init__(self, rows: list[list[float]], bias: list[float], plain: int) -> None:
        ratios = [[x.as_integer_ratio() for x in row] for row in rows]
        self.bits = max((of.bit_length() - 1 for row in ratios for _, of in row), default=0)
        whole = [[n << (self.bits - of.bit_length() + 1) for n, of in row] for row in ratios]
        self.columns = list(zip(*whole, strict=True))
        self.bends, known = len(bias) - plain, [x.as_integer_ratio() for x in bias]
        self.bias_bits = max(of.bit_length() - 1 for _, of in known)
        self.bias = [n << (self.bias_bits - of.bit_length() + 1) for n, of in known]
        self.spare = [Fraction(0)] * len(bias)  # by how much a unit may be off either way

    def at(self, point: Row, wide: list[int]) -> "Layer":
        """Return the layer in the columns `wide` alone, the others within 2 units of 2**-GRID above a point."""
        other = copy(self)
        size, bits = range(len(self.bias)), self.bits + GRID
        kept = [(column, x) for j, (column, x) in enumerate(zip(self.columns, point, strict=True)) if j not in wide]
        sums = [sum(column[i] * x for column, x in kept) for i in size]
        other.bias_bits = max(bits, self.bias_bits)
        given = [b << (other.bias_bits - self.bias_bits) for b in self.bias]
        other.bias = [b + (x << (other.bias_bits - bits)) for b, x in zip(given, sums, strict=True)]
        other.spare = [Fraction(2 * sum(abs(column[i]) for column, _ in kept), 1 << bits) for i in size]
        other.columns = [self.columns[j] for j in wide]
        return other


class Network:
    """A network of `autonomy.learning.network`, its gate `gate` alone, as layers; the own numbers pass as they are."""

    def __init__(self, x: dict[str, Any], gate: int) -> None:
        none, eye = [0.0] * OWN, [[float(i == j) for j in range(OWN)] for i in range(OWN)]
        size, later = len(x["first_bias"]), len(x["second_bias"])
        self.mean, self.scale = ([Fraction(value) for value in x[name]] for name in ("mean", "scale"))
        first = [[*row, level, *none] for row, level in zip(x["first"], x["stored"], strict=True)]
        own = zip(x["third"], x["own"], strict=True)
        self.layers = [
            Layer([*first, *([0.0] * (FEATURES + 1) + row for row in eye)], x["first_bias"] + none, OWN),
            Layer([*(row + none for row in x["second"]), *([0.0] * size + row for row in eye)],
                  x["second_bias"] + none, OWN),
            Layer([row + mine for row, mine in own], x["third_bias"], 0),
            Layer([x["last"][gate]], [x["last_bias"][gate]], 1),
        ]  # fmt: skip
        need(len(self.mean) == FEATURES and len(x["second"][0]) == size and len(x["third"][0]) == later, "a shape")

    def ends(self, box: Any) -> tuple[Row, Row]:
        """Return a box as the layers take it, in units of 2**-GRID, rounded outward."""
        lower, upper = [], []
        for j, ends in enumerate(box):
            low, high = (self.inner(j, x) for x in ends)
            lower.append(math.floor(low * FINE))
            upper.append(math.ceil(high * FINE))
        return lower, upper

    def inner(self, j: int, x: Fraction) -> Fraction:
        """Return an input as the first layer takes it: in standard deviations, cut off; the stored share in −1..1."""
        if j < FEATURES:
            return min(max((x - self.mean[j]) / self.scale[j], Fraction(-CUT)), Fraction(CUT))
        return 2 * x - 1 if j == FEATURES else x

    def most(self, box: Any, sign: int) -> Fraction:
        """Return an upper bound of sign·(the gate's number before the logistic function) over a box."""
        lower, upper = self.ends(box)
        wide = [j for j in range(INPUTS) if upper[j] - lower[j] > 2]
        point = [low if high - low <= 2 else 0 for low, high in zip(lower, upper, strict=True)]
        first, lines = self.layers[0].at(point, wide), list[Any]()
        layers, ends = [first, *self.layers[1:]], ([lower[j] for j in wide], [upper[j] for j in wide])
        for at, layer in enumerate(layers[:-1]):
            row: list[Any] = []
            for unit in range(layer.bends):
                high, low = best(layers, at, unit, 1, lines, ends), -best(layers, at, unit, -1, lines, ends)
                row.append(bend(math.floor(low * FINE), math.ceil(high * FINE)))
            lines.append(row + [(1 << STEP, 1 << STEP, 0)] * (len(layer.bias) - layer.bends))
        return best(layers, len(layers) - 1, 0, sign, lines, ends)

    def value(self, point: list[Fraction]) -> Fraction:
        """Return the gate's number before the logistic function at a point, exactly."""
        x = [self.inner(j, value) for j, value in enumerate(point)]
        for layer in self.layers:
            rows = list(zip(*layer.columns, strict=True))
            sums = [sum(map(mul, row, x), Fraction(0)) / (1 << layer.bits) for row in rows]
            x = [a + Fraction(b, 1 << layer.bias_bits) for a, b in zip(sums, layer.bias, strict=True)]
            x = [max(a, Fraction(0)) if unit < layer.bends else a for unit, a in enumerate(x)]
        return x[0]


def best(layers: Any, at: int, unit: int, sign: int, lines: Any, ends: tuple[Row, Row]) -> Fraction:
    """Return an upper bound of sign·(unit of layer `at` before it bends) over the box between the ends."""
    layer = layers[at]
    slope, bits = [sign * column[unit] for column in layer.columns], layer.bits
    offset = Fraction(sign * layer.bias[unit], 1 << layer.bias_bits) + layer.spare[unit]
    for below in range(at - 1, -1, -1):
        layer, lined = layers[below], zip(slope, lines[below], strict=True)
        parts = [(a * high, a * over) if a > 0 else (a * low, 0) for a, (low, high, over) in lined]
        offset += Fraction(sum(part[1] for part in parts), 1 << (bits + GRID + STEP))
        slope, bits = [part[0] for part in parts], bits + STEP
        offset += Fraction(sum(map(mul, slope, layer.bias)), 1 << (bits + layer.bias_bits))
        if not below:
            offset += sum((abs(a) * x for a, x in zip(slope, layer.spare, strict=True) if a), Fraction(0)) / (1 << bits)
        slope = [sum(map(mul, slope, column)) for column in layer.columns]
        bits += layer.bits
    total = sum(a * (high if a > 0 else low) for a, low, high in zip(slope, *ends, strict=True))
    return Fraction(offset + Fraction(total, 1 << (bits + GRID)))


def bend(low: int, high: int) -> tuple[int, int, int]:
    """Return the slopes of lines below and above max(x, 0) between two ends, and the offset of the one above.

    Units are 2**-STEP, for the offset 2**-(GRID + STEP), for the ends 2**-GRID. The line below goes through
    0; the one above has any slope s in 0..1 and an offset >= −s·low, >= high − s·high.
    """
    one = 1 << STEP
    if low >= 0 or high <= 0:
        return (one, one, 0) if low >= 0 else (0, 0, 0)
    slope = min(-(-(high << STEP) // (high - low)), one)
    return (one if high > -low else 0), slope, max(-slope * low, (high << STEP) - slope * high)


def below_exp(x: Fraction) -> Fraction:
    """Return something at most exp(x): the Taylor series of x/2**k >= 0, squared k times and rounded down each time."""
    if x < 0:
        return 1 / above_exp(-x)
    halvings = max(math.ceil(x).bit_length() + 2, 2)
    small = Fraction(math.floor(x * FINE), FINE << halvings)
    value = sum((small**k / math.factorial(k) for k in range(12)), Fraction(0))
    for _ in range(halvings):
        value = Fraction(math.floor(value * value * (FINE << GRID)), FINE << GRID)
    return value


def above_exp(x: Fraction) -> Fraction:
    """Return something at least exp(x)."""
    if x <= 0:
        return 1 / max(below_exp(-x), Fraction(1))
    halvings = max(math.ceil(x).bit_length() + 2, 2)
    small = Fraction(
        math.ceil(x * FINE), FINE << halvings
    )  # at most 1/2: the rest of the series is below its last term
    value = sum((small**k / math.factorial(k) for k in range(12)), Fraction(0)) + small**12 / math.factorial(11)
    for _ in range(halvings):
        value = Fraction(math.ceil(value * value * (FINE << GRID)), FINE << GRID)
    return value


def gate_most(x: Fraction) -> Fraction:
    """Return something at least 1/(1 + exp(−x))."""
    return 1 / (1 + below_exp(-x))


def gate_least(x: Fraction) -> Fraction:
    """Return something at most 1/(1 + exp(−x))."""
    return 1 / (1 + above_exp(-x))


def check_network(said: Any, read: Any) -> dict[str, Any]:
    """Check a certificate of the kinds "gate" and "gate-witness"; `read` gives the content of a file by its name."""
    need(
        said["format"] == "autonomy-certificate/1" and set(said) == KEYS[said["kind"]], "a certificate of another form"
    )
    try:
        networks = [Network(arrays(read(name), place), said["gate"]) for name, place in said["weights"]]
    except (zipfile.BadZipFile, zlib.error, struct.error, SyntaxError) as fault:
        raise ValueError(f"weights that cannot be read: {fault}") from None
    weights = {name.rpartition("/")[2]: hashlib.sha256(read(name)).hexdigest() for name, _ in said["weights"]}
    bound, sign = Fraction(said["bound"]), 1 if said["sense"] == "most" else -1
    need(bool(networks) and said["sense"] in ("most", "least"), "no network, or no sense")
    if said["kind"] == "gate-witness":
        point = [Fraction(x) for x in said["point"]]
        need(len(point) == INPUTS, "a point of another size")
        values = [network.value(point) for network in networks]
        least, most = (sum(map(f, values), Fraction(0)) / len(values) for f in (gate_least, gate_most))
        need(least > bound if sign > 0 else most < bound, "the witness keeps the bound")
        return {"value": least if sign > 0 else most, "bound": bound, "weights": weights}
    leaves = 0
    for one in said["boxes"]:
        for box in leaves_of([[Fraction(x) for x in ends] for ends in one["box"]], one["tree"]):
            tops = [network.most(box, sign) for network in networks]
            ends = [gate_most(top) if sign > 0 else gate_least(-top) for top in tops]
            mean = sum(ends, Fraction(0)) / len(ends)
            need(mean <= bound if sign > 0 else mean >= bound, f"a leaf reaches {float(mean)}")
            leaves += 1
    need(leaves > 0, "there are no boxes")
    return {
        "verdict": "PROVED-EXACT",
        "bound": bound,
        "boxes": len(said["boxes"]),
        "leaves": leaves,
        "weights": weights,
    }


KEYS = {
    "gate": {"format", "kind", "statement", "weights", "gate", "sense", "bound", "boxes"},
    "gate-witness": {"format", "kind", "statement", "weights", "gate", "sense", "bound", "point"},
}


def leaves_of(box: list[list[Fraction]], tree: Any) -> Any:
    """Yield the boxes of the leaves of a tree, which together are the box; every node is reached exactly once."""
    need(len(box) == INPUTS and all(low <= high for low, high in box), "a box of another size, or upside down")
    todo, seen = [(0, box)], set[int]()
    while todo:
        at, ends = todo.pop()
        need(type(at) is int and 0 <= at < len(tree) and at not in seen, "the tree reaches a node twice")
        node = tree[at]
        seen.add(at)
        if not node:
            yield ends
            continue
        j, cut = node["column"], Fraction(node["at"])
        need(type(j) is int and 0 <= j < INPUTS and ends[j][0] < cut < ends[j][1], "a split beside its box")
        todo.append((node["below"], [*ends[:j], [ends[j][0], cut], *ends[j + 1 :]]))
        todo.append((node["above"], [*ends[:j], [cut, ends[j][1]], *ends[j + 1 :]]))
    need(len(seen) == len(tree), "the tree has nodes that nothing reaches")
