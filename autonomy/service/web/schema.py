"""The observation as JSON, the answers as JSON, and what is said about a body that is neither.

Null is what is not known: a meter that says nothing costs its prosumer, as in `Controller.step`. What no meter can do
but a program can (no JSON, a text for a number, a field that does not exist or is left out) is refused: no step.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from autonomy.layers.errors import did_you_mean
from autonomy.layers.observation import Forecast

FLAGS = ("active", "can_curtail", "can_shed")
KINDS = (
    ("(N,) whether", "a list of true and false, or one for all: "),
    ("(N,)", "a list of numbers, or one for all: "),
    ("(H, N)", "a list of lists of numbers: "),
    ("(H,)", "a list of numbers: "),
    ("k", "a number: "),
)
"""What a field is, by how its description begins."""
SHOWN = 80
"""Characters of a wrong value that are repeated."""
MANY, ONE = "many", "one"


def _kind(value: Any) -> str:
    return MANY if isinstance(value, list) else ONE


Number: TypeAlias = float | None
Numbers: TypeAlias = Annotated[
    Annotated[list[Number], Tag(MANY)] | Annotated[float | None, Tag(ONE)], Discriminator(_kind)
]
"""(N,) numbers, or one for all of them; null for what is not known."""
Flags: TypeAlias = Annotated[
    Annotated[list[bool | None], Tag(MANY)] | Annotated[bool | None, Tag(ONE)], Discriminator(_kind)
]
Table: TypeAlias = list[list[Number]]
Row: TypeAlias = list[Number]


class Model(BaseModel):
    """What all of them share: no texts for numbers, no fields of another name."""

    model_config = ConfigDict(strict=True, extra="forbid", title=None)


class LimitsBody(Model):
    """Limits of this step only; null or left out: the community's own."""

    charge_limit_kw: Numbers = Field(None, description="(N,) kW >= 0")
    discharge_limit_kw: Numbers = Field(None, description="(N,) kW >= 0")
    soc_min: Numbers = Field(None, description="(N,) fraction of the capacity, 0..1")
    soc_max: Numbers = Field(None, description="(N,) fraction of the capacity, 0..1")
    charge_efficiency: Numbers = Field(None, description="(N,) one-way, in (0, 1]")
    discharge_efficiency: Numbers = Field(None, description="(N,) one-way, in (0, 1]")
    connection_limit_kw: Numbers = Field(None, description="(N,) kW > 0")
    active: Flags = Field(None, description="(N,) whether the battery may be used")
    can_curtail: Flags = Field(None, description="(N,) whether generation can be reduced")
    can_shed: Flags = Field(None, description="(N,) whether load can be reduced")
    charge_floor_kw: Numbers = Field(None, description="(N,) kW that a battery is to be charged with at least")
    grid_import_limit_kw: Number = Field(None, description="kW >= 0 that the grid delivers; 0 for an outage")
    grid_export_limit_kw: Number = Field(None, description="kW >= 0 that the grid takes")


class ForecastBody(Model):
    """What is expected of the next H steps; rows are steps."""

    demand_kw: Table = Field(description="(H, N) kW >= 0, expected")
    pv_kw: Table = Field(description="(H, N) kW >= 0, expected")
    demand_low_kw: Table = Field(description="(H, N) kW")
    demand_high_kw: Table = Field(description="(H, N) kW")
    pv_low_kw: Table = Field(description="(H, N) kW")
    pv_high_kw: Table = Field(description="(H, N) kW")
    coverage: float = Field(description="probability in 0..1 that the truth is between low and high")
    retail_price: Row = Field(description="(H,) currency/kWh, published")
    feed_in_price: Row = Field(description="(H,) currency/kWh, published")


class ObservationBody(Model):
    """What is measured at the beginning of a step. Five fields are required; null says that a value is not known."""

    demand_kw: Numbers = Field(description="(N,) kW >= 0")
    pv_kw: Numbers = Field(description="(N,) kW >= 0, available before curtailment")
    soc: Numbers = Field(description="(N,) stored energy as a fraction of the capacity, 0..1")
    retail_price: Numbers = Field(description="(N,) currency/kWh paid for imports")
    feed_in_price: Numbers = Field(description="(N,) currency/kWh earned for exports")
    carbon_kg_per_kwh: Numbers = Field(None, description="kg CO2/kWh of grid energy")
    feeder_kw: Number = Field(None, description="kW, metered net export of the community, + = export")
    applied_battery_kw: Numbers = Field(None, description="(N,) kW, what the last decision became, + = charge")
    time: str | None = Field(None, description="start of the step, ISO 8601", max_length=64)
    forecast: ForecastBody | None = None
    limits: LimitsBody | None = None


class ReasonBody(Model):
    """Why a decision is what it is."""

    cause: str = Field(description="the kind of cause, for programs: see docs/notation.md")
    text: str = Field(description="one sentence, for people")
    prosumers: list[int] = Field(description="indices of those it concerns; empty for all")
    amount_kw: float = Field(description="how much, where that has a meaning; else 0")


class DecisionBody(Model):
    """What is to be done in this step."""

    community: str
    step: int | None = Field(description="number of the step; null for an answer that was late")
    mode: str = Field(description="policy, projected, support, grid-only or dead-stop")
    is_late: bool = Field(description="no decision within the deadline: this is the dead stop")
    battery_kw: list[float] = Field(description="(N,) kW, + = charge")
    trade_kw: list[float] = Field(description="(N,) kW offered to the market, + = sell")
    price_bid: list[float] = Field(description="(N,) currency/kWh")
    curtail_kw: list[float] = Field(description="(N,) kW >= 0 of generation to be cut")
    shed_kw: list[float] = Field(description="(N,) kW >= 0 of load to be cut")
    net_export_kw: list[float] = Field(description="(N,) kW expected of each node, + = export")
    generation_cap_kw: list[Number] = Field(description="(N,) kW that generation may not exceed; null for no cap")
    load_cap_kw: list[Number] = Field(description="(N,) kW that load may not exceed; null for no cap")
    feeder_kw: float = Field(description="kW expected of the feeder, + = export, line losses left out")
    intervention_kw: float = Field(description="kW between the policy's battery intent and battery_kw")
    reasons: list[ReasonBody]
    answered_in_ms: float = Field(description="ms from the observation's arrival to this answer")


class DeadStopBody(Model):
    """Caps that hold every limit whatever is measured, with batteries at a standstill."""

    generation_cap_kw: list[Number] = Field(description="(N,) kW; null for no cap")
    load_cap_kw: list[Number] = Field(description="(N,) kW; null for no cap")


class CommunityBody(Model):
    """What a host has to know before the first step."""

    community: str
    n_prosumers: int
    prosumers: list[str] = Field(description="(N,) names, in the order of all arrays")
    timestep_h: float = Field(description="hours")
    battery_capacity_kwh: list[float] = Field(description="(N,) kWh")
    soc_min: list[float] = Field(description="(N,) fraction")
    soc_max: list[float] = Field(description="(N,) fraction")
    charge_limit_kw: list[float] = Field(description="(N,) kW")
    discharge_limit_kw: list[float] = Field(description="(N,) kW")
    feeder_import_limit_kw: Number = Field(description="kW; null for no limit")
    feeder_export_limit_kw: Number = Field(description="kW; null for no limit")
    dead_stop: DeadStopBody = Field(description="what devices fall back to when they hear nothing")


class ProblemBody(Model):
    """What is wrong at one place."""

    field: str = Field(description="the place, as in demand_kw[3]; empty for the whole body")
    found: str = Field(description="what is there, cut to 80 characters")
    expected: str


class RefusalBody(Model):
    """Why there is no decision; no step was made."""

    error: str
    problems: list[ProblemBody]


class HealthBody(Model):
    """Whether the service runs."""

    status: str = Field(description="ok, or degraded when a journal cannot be written or an answer was late")
    version: str


class RefusalError(Exception):
    """A request that gets no decision.

    Args:
        status: HTTP status, 4xx.
        error: One sentence.
        problems: (field, found, expected) each.
    """

    def __init__(self, status: int, error: str, problems: list[tuple[str, str, str]] | None = None) -> None:
        self.status, self.error = status, error
        self.problems = [dict(zip(("field", "found", "expected"), item, strict=True)) for item in problems or []]
        super().__init__(error)


def read_observation(body: bytes) -> dict[str, Any]:
    """Return the observation of a body, as `Controller.step` takes it.

    Raises:
        RefusalError: it is no observation; the problems name field, value and what was expected.
    """
    try:
        told = ObservationBody.model_validate_json(body)
    except ValidationError as fault:
        problems = [_problem(dict(error)) for error in fault.errors(include_url=False)[:20]]
        raise RefusalError(422, "the body is no observation; no step was made", problems) from None
    given: dict[str, Any] = {}
    for name in ObservationBody.model_fields:
        value = getattr(told, name)
        if isinstance(value, LimitsBody):
            items = ((field, getattr(value, field)) for field in LimitsBody.model_fields)
            given[name] = {field: _numbers(item) for field, item in items if item is not None}
        elif isinstance(value, ForecastBody):
            given[name] = _forecast(value)
        elif value is not None:
            given[name] = value if isinstance(value, str) else _numbers(value)
    return given


def _numbers(value: Any) -> Any:
    """Return a list as an array, null as NaN; a single number or flag as a float."""
    return np.array(value, dtype=np.float64) if isinstance(value, list) else float(value)


def _forecast(told: ForecastBody) -> Forecast:
    arrays: dict[str, Any] = {"coverage": told.coverage}
    for name in ForecastBody.model_fields:
        if name == "coverage":
            continue
        try:
            arrays[name] = np.array(getattr(told, name), dtype=np.float64)
        except ValueError:
            problem = (f"forecast.{name}", "rows of different lengths", "(H, N): one number a prosumer in every row")
            raise RefusalError(422, "the body is no observation; no step was made", [problem]) from None
    return Forecast(**arrays)


def _problem(error: dict[str, Any]) -> tuple[str, str, str]:
    """Return field, found and expected of one of pydantic's errors."""
    place, kind = error["loc"], error["type"]
    # The tag of a union stands behind the name of its field.
    path = [part for k, part in enumerate(place) if not (k and part in (MANY, ONE))]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    names = [str(part) for part in path if not isinstance(part, int)]
    if kind == "json_invalid":
        detail = re.sub(r"^Invalid JSON: ", "", str(error["msg"]))
        return "", _shown(error["input"]), f"JSON ({detail})"
    if kind == "missing":
        return field, "nothing", f"{_described(names)}; null for what is not known"
    if kind == "extra_forbidden":
        known = _model_of(names[:-1]).model_fields
        return ascii(field)[1:-1][:SHOWN], _shown(error["input"]), f"no such field{did_you_mean(names[-1], known)}"
    wanted = _described(names, is_entry=isinstance(place[-1] if place else "", int))
    return field, _shown(error["input"]), wanted or str(error["msg"])


def _model_of(names: list[str]) -> type[BaseModel]:
    inner: dict[str, type[BaseModel]] = {"limits": LimitsBody, "forecast": ForecastBody}
    return inner.get(names[0] if names else "", ObservationBody)


def _described(names: list[str], *, is_entry: bool = False) -> str:
    """Return what a field is to be: kind, shape, unit; or what one entry of it is to be."""
    if not names:
        return "a JSON object with the fields of an observation"
    model = _model_of(names[:-1])
    about = model.model_fields.get(names[-1])
    if about is None:
        return ""
    text = about.description or f"a JSON object: {_model_of(names).__doc__}"
    if is_entry:
        return f"{'true, false' if names[-1] in FLAGS else 'a number'} or null: {text}"
    return next((words + text for start, words in KINDS if text.startswith(start)), text)


def _shown(value: Any) -> str:
    """Return a value as it stood in the JSON, in plain characters, not too long."""
    if isinstance(value, bytes | str):
        text = ascii(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
    else:
        try:
            text = json.dumps(value)
        except (TypeError, ValueError, RecursionError):
            text = type(value).__name__
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
