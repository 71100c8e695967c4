"""What the service answers: a decision as JSON, numbers with their units in the names."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from autonomy.layers.community import Community
from autonomy.layers.decision import Decision

POWERS = ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw")
CAPS = ("generation_cap_kw", "load_cap_kw")


class Answer(NamedTuple):
    """What came of one observation.

    Attributes:
        step: Number of the step since the journal's beginning; None for an answer that was late.
        decision: What is to be done.
        is_late: Whether it is the dead stop because the decision did not come in time.
        seconds: From the observation's arrival to the answer.
    """

    step: int | None
    decision: Decision
    is_late: bool
    seconds: float


def as_json(value: Any) -> bytes:
    """Return JSON, NumPy's arrays included; what is not finite is null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def answer_fields(name: str, answer: Answer) -> dict[str, Any]:
    """Return the fields of an answer, in the order of the schema; caps that do not exist become null.

    Args:
        name: The community's.
        answer: What came of a step.
    """
    decision = answer.decision
    return {
        "community": name,
        "step": answer.step,
        "mode": decision.mode.value,
        "is_late": answer.is_late,
        **{field: getattr(decision, field) for field in (*POWERS, *CAPS)},
        "feeder_kw": float(decision.net_export_kw.sum()),
        "intervention_kw": decision.intervention_kw,
        "reasons": [
            {"cause": reason.cause, "text": reason.text, "prosumers": reason.prosumers, "amount_kw": reason.amount_kw}
            for reason in decision.reasons
        ],
        "answered_in_ms": answer.seconds * 1e3,
    }


def community_fields(name: str, community: Community, stop: Decision) -> dict[str, Any]:
    """Return what a host has to know of a community before the first step.

    Args:
        name: Its name in the service.
        community: The community.
        stop: Its dead stop, whose caps devices should fall back to by themselves.
    """
    network = community.network
    feeder = network.leaves_first[-1]
    return {
        "community": name,
        "n_prosumers": community.n_prosumers,
        "prosumers": community.names,
        "timestep_h": community.timestep_h,
        "battery_capacity_kwh": community.battery_capacity_kwh,
        "soc_min": community.soc_min,
        "soc_max": community.soc_max,
        "charge_limit_kw": community.charge_limit_kw,
        "discharge_limit_kw": community.discharge_limit_kw,
        "feeder_import_limit_kw": float(network.import_limit_kw[feeder]),
        "feeder_export_limit_kw": float(network.export_limit_kw[feeder]),
        "dead_stop": {field: getattr(stop, field) for field in CAPS},
    }
