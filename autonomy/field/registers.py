"""The register table of a device: holding registers, big-endian, laid out as a vendor's model of SunSpec.

| offset | name | type | unit | who writes |
|---:|---|---|---|---|
| 0 | marker | 2 registers | `SunS` | device |
| 2 | model | uint16 | 64900 | device |
| 3 | length | uint16 | 26, registers that follow | device |
| 4 | demand | int32 | mW | device |
| 6 | available generation | int32 | mW | device |
| 8 | state of charge | int32 | millionths of the capacity | device |
| 10 | battery power, + charge | int32 | mW | device |
| 12 | age of what is measured | uint16 | s | device |
| 13 | heartbeat, counts measurements | uint16 | | device |
| 14 | battery power, + charge | int32 | mW | adapter |
| 16 | curtailment | int32 | mW | adapter |
| 18 | load shed | int32 | mW | adapter |
| 20 | generation cap | int32 | mW | adapter |
| 22 | load cap | int32 | mW | adapter |
| 24 | good for | uint16 | s | adapter |
| 25 | sequence, changes with every write | uint16 | | adapter |
| 26 | safe generation cap | int32 | mW | adapter |
| 28 | safe load cap | int32 | mW | adapter |

As in SunSpec, 0x80000000 and 0xFFFF stand for "not known", and for "no cap". Milliwatts, because the trusted core
decides in whole milliwatts: what devices are told is exact. A cap is rounded down, a cut up.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any, NamedTuple

from autonomy.layers.errors import ModelError

MARKER = (0x5375, 0x6E53)
MODEL, LENGTH = 64900, 26
HEADER = (*MARKER, MODEL, LENGTH)
MEASURED = 14
"""Registers that the device writes, the header included: 0 to 13."""
TOLD_AT = 14
"""Offset of the first register that the adapter writes."""
UNKNOWN_32, UNKNOWN_16 = -(1 << 31), 0xFFFF
MOST_KW = ((1 << 31) - 1) / 1e6
"""kW, about 2,147: the most that an int32 of mW holds."""
LONGEST_S = UNKNOWN_16 - 1


class Measured(NamedTuple):
    """What a device measured.

    Attributes:
        values: Field of an observation -> value in its unit, None for what the device does not know.
        age_s: Seconds since, by the device; None where it does not know.
        heartbeat: Changes with every measurement.
    """

    values: Mapping[str, float | None]
    age_s: float | None
    heartbeat: int


def read_measured(registers: Sequence[int]) -> Measured:
    """Return what the first `MEASURED` registers of a device say.

    Raises:
        ModelError: this is no device with this table.
    """
    if len(registers) < MEASURED or tuple(registers[:4]) != HEADER:
        found = " ".join(f"{word:04x}" for word in registers[:4])
        expected = " ".join(f"{word:04x}" for word in HEADER)
        raise ModelError("header", found, f"{expected}: SunS, model {MODEL}, {LENGTH} registers")
    data = struct.pack(f">{MEASURED - 4}H", *registers[4:MEASURED])
    demand, pv, soc, battery, age, heartbeat = struct.unpack(">4i2H", data)
    names = ("demand_kw", "pv_kw", "soc", "applied_battery_kw")
    values = {
        name: None if raw == UNKNOWN_32 else raw / 1e6
        for name, raw in zip(names, (demand, pv, soc, battery), strict=True)
    }
    return Measured(values, None if age == UNKNOWN_16 else float(age), heartbeat)


def told_registers(
    told: Mapping[str, Any], *, valid_s: float, sequence: int, safe: tuple[float | None, float | None]
) -> list[int]:
    """Return the registers from `TOLD_AT` on for one device.

    Args:
        told: What it is told, kW, keys as in `autonomy.field.bridge.SET_POINTS`; None for a cap that is none, and for a
            cut that the caps say.
        valid_s: Seconds that it is good for.
        sequence: Changes with every write; 0..65535.
        safe: kW, the caps to fall back to, of generation and load; None for none.

    Raises:
        ModelError: a battery power does not fit.
    """
    battery = round(told["battery_kw"] * 1e6)
    if abs(battery) >= 1 << 31:
        raise ModelError("battery_kw", told["battery_kw"], f"at most {MOST_KW:g} kW, which is what a register holds")
    values = (
        battery,
        _cut(told["curtail_kw"]),
        _cut(told["shed_kw"]),
        _cap(told["generation_cap_kw"]),
        _cap(told["load_cap_kw"]),
    )
    holds = min(max(floor(valid_s), 0), LONGEST_S)
    data = struct.pack(">5i2H2i", *values, holds, sequence, _cap(safe[0]), _cap(safe[1]))
    return list(struct.unpack(f">{len(data) // 2}H", data))


def _cap(kw: float | None) -> int:
    """Return a cap in mW, rounded down; one beyond the register is what the register holds."""
    # A hair below a whole milliwatt is that milliwatt: kW are floats.
    return UNKNOWN_32 if kw is None else min(floor(kw * 1e6 + 1e-3), (1 << 31) - 1)


def _cut(kw: float | None) -> int:
    """Return a cut in mW, rounded up, likewise."""
    return UNKNOWN_32 if kw is None else min(ceil(kw * 1e6 - 1e-3), (1 << 31) - 1)
