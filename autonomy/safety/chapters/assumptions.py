"""What is taken for granted: nothing here shows it, and everything else rests on it."""

from __future__ import annotations

from collections.abc import Iterator

from autonomy.safety.claim import Claim, Role
from autonomy.safety.context import Context
from autonomy.safety.domain import ANY
from autonomy.safety.verdict import Verdict

ASSUMED: dict[str, tuple[str, str, str]] = {
    "assume.meters": (
        "Meters",
        "Demand, generation and state of charge are as measured, and stay so through the step, within the caps.",
        "Meters are right. A plausible lie of a demand or PV meter can break a limit until it is found.",
    ),
    "assume.devices": (
        "Devices",
        "Batteries follow their set-points; generation and load obey cuts and caps.",
        "Devices do what they are told. One that does not is found a step later, if it reports what it did.",
    ),
    "assume.ratings": (
        "Ratings",
        "Capacities, efficiencies, power limits, line limits and the network are as the community file says.",
        "The community file is true: batteries, cables and limits are as it says.",
    ),
    "assume.step": (
        "Within a step",
        "Powers are constant within a step; limits hold for its average, and for all powers within the caps.",
        "Limits are kept as averages over a step. Faster swings are the caps' and the hardware's business.",
    ),
    "assume.scope": (
        "Scope",
        "Active power on a radial network; no AC power flow, phases, protection, frequency or meshes; no SIL.",
        "Not covered: voltage in the recovery ladder, short circuits, protection, phases, frequency; no SIL.",
    ),
    "assume.arithmetic": (
        "Arithmetic",
        "IEEE 754 doubles rounded to nearest, 64-bit integers, a Python and NumPy that do as documented.",
        "The computer calculates as its standards say.",
    ),
}
"""Title, statement and sentence of each assumption."""


def claims(context: Context) -> Iterator[Claim]:
    """Yield the assumptions."""
    for id_, (title, statement, sentence) in ASSUMED.items():
        yield Claim(
            id=id_,
            title=title,
            statement=statement,
            sentence=sentence,
            verdict=Verdict.ASSUMED,
            method="nobody's: it is for the operator to see to it",
            tool="–",
            checker="an inspection on site",
            role=Role.LIMIT,
            **context.about(ANY),
        )
