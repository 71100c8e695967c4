"""Every combination of channel and kind that makes sense, and what it does to which field."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.faults.signal import DISTORTIONS
from autonomy.faults.words import Channel, Kind, Scope

FIELDS: dict[Channel, str] = {
    Channel.DEMAND: "demand_kw",
    Channel.PV: "pv_kw",
    Channel.SOC: "soc",
    Channel.PRICE: "retail_price, feed_in_price",
    Channel.FEEDER: "feeder_kw",
    Channel.CLOCK: "time",
    Channel.INTENT: "battery kW of the policy's answer",
    Channel.POLICY: "the policy's answer",
    Channel.SOLVER: "the backend's answer",
    Channel.ACTUATOR: "battery kW that the battery does",
    Channel.DISK: "journal line",
}
"""What of each channel is changed."""

_NUMBERS = tuple(DISTORTIONS)
_METER = tuple(kind for kind in _NUMBERS if kind is not Kind.WRONG_DT)
_KINDS: dict[Channel, tuple[Kind, ...]] = {
    Channel.DEMAND: (*_METER, Kind.MISSING),
    Channel.PV: (*_METER, Kind.MISSING),
    Channel.SOC: (*_METER, Kind.MISSING),
    Channel.PRICE: (*_METER, Kind.MISSING),
    Channel.FEEDER: (*(kind for kind in _METER if kind is not Kind.SWAP), Kind.MISSING),
    Channel.CLOCK: (
        *(kind for kind in _NUMBERS if kind not in (Kind.SIGN, Kind.SCALE, Kind.SWAP, Kind.LIE)),
        Kind.MISSING,
    ),
    Channel.INTENT: _METER,
    Channel.POLICY: (Kind.NAN, Kind.MISSING, Kind.STUCK, Kind.DELAY, Kind.CRASH, Kind.LIE),
    Channel.SOLVER: (Kind.NAN, Kind.MISSING, Kind.STUCK, Kind.DELAY, Kind.CRASH, Kind.LIE),
    Channel.ACTUATOR: (
        *(kind for kind in _METER if kind not in (Kind.NAN, Kind.LIE)),
        Kind.MISSING,
        Kind.CRASH,
        Kind.LIE,
    ),
    Channel.DISK: (Kind.CRASH, Kind.DELAY, Kind.LIE),
}
_OWN: dict[tuple[Channel, Kind], str] = {
    (Channel.PRICE, Kind.SWAP): "retail and feed-in change places, in a third, two thirds, or all of the steps.",
    (Channel.POLICY, Kind.NAN): "every number is NaN, in a third, two thirds, or all of the steps.",
    (Channel.POLICY, Kind.MISSING): "None, in a third, two thirds, or all of the steps.",
    (Channel.POLICY, Kind.STUCK): "the answer before the onset, for a third, two thirds, or all of the steps.",
    (Channel.POLICY, Kind.DELAY): "right, after 0.2, 1.2, 2 times the deadline.",
    (Channel.POLICY, Kind.CRASH): "raises, in a third, two thirds, or all of the steps.",
    (Channel.POLICY, Kind.LIE): "of a wrong form: one row too many, one column too few, a word.",
    (Channel.SOLVER, Kind.NAN): "NaN, called solved, in a third, two thirds, or all of the steps.",
    (Channel.SOLVER, Kind.MISSING): "NaN, called failed, in a third, two thirds, or all of the steps.",
    (Channel.SOLVER, Kind.STUCK): "that of the last sound step, called solved, for a third, two thirds, or all steps.",
    (Channel.SOLVER, Kind.DELAY): "right, after 5, 20, 60 ms.",
    (Channel.SOLVER, Kind.CRASH): "raises, in a third, two thirds, or all of the steps.",
    (Channel.SOLVER, Kind.LIE): "every battery power is 0.001, 0.1, 5 kW off, called solved.",
    (Channel.ACTUATOR, Kind.MISSING): "b → 0, in a third, two thirds, or all of the steps.",
    (Channel.ACTUATOR, Kind.CRASH): "cuts and caps are ignored, in a third, two thirds, or all of the steps.",
    (Channel.ACTUATOR, Kind.LIE): "b → 3/4·b, 1/2·b, 0, and applied_battery_kw says b.",
    (Channel.DISK, Kind.CRASH): "raises OSError (no space left), in a third, two thirds, or all of the steps.",
    (Channel.DISK, Kind.DELAY): "written after 5, 20, 60 ms.",
    (Channel.DISK, Kind.LIE): "called written and lost, in a third, two thirds, or all of the steps.",
}
_MISSING = "is None, in a third, two thirds, or all of the steps."
_SHARED = {Channel.PRICE, Channel.FEEDER, Channel.CLOCK, Channel.POLICY, Channel.SOLVER, Channel.DISK}
"""Channels of which a community has one."""
SLOTS: dict[Channel, str] = {
    Channel.INTENT: "policy",
    Channel.POLICY: "policy",
    Channel.SOLVER: "backend",
    Channel.DISK: "journal",
}
"""What of a controller must be replaceable for a fault on this channel; others need nothing but `step`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One combination.

    Attributes:
        channel: Where.
        kind: What.
        field: What is changed.
        formula: How.
        scopes: Who can be struck.
    """

    channel: Channel
    kind: Kind
    field: str
    formula: str
    scopes: tuple[Scope, ...]


def _entry(channel: Channel, kind: Kind) -> Entry:
    formula = _OWN.get((channel, kind))
    if formula is None:
        formula = _MISSING if kind is Kind.MISSING else (DISTORTIONS[kind].__doc__ or "").strip()
    # A number that is missing from a list of numbers is NaN; only a whole list can be missing.
    whole = channel in _SHARED or (kind is Kind.MISSING and channel is not Channel.ACTUATOR)
    scopes = (Scope.COMMUNITY,) if whole else tuple(Scope)
    return Entry(channel=channel, kind=kind, field=FIELDS[channel], formula=formula, scopes=scopes)


CATALOGUE: tuple[Entry, ...] = tuple(
    _entry(channel, kind) for channel in Channel for kind in sorted(_KINDS[channel], key=list(Kind).index)
)
"""All combinations, channel after channel."""
