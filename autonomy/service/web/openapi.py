"""The service described by itself: /openapi.json."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from autonomy.service.web.schema import CommunityBody, DecisionBody, HealthBody, ObservationBody, RefusalBody

PLACE = "#/components/schemas/"
REFUSALS = {
    "401": "no key, or a wrong one (where the service has keys)",
    "403": "the request is for another host than this machine",
    "429": "too many steps or wrong keys; wait",
}
STEP_REFUSALS = {
    "408": "the body did not arrive in time",
    "413": "the body is too large",
    "415": "the body is not declared to be JSON",
    "422": "the body is no observation; field, value and what was expected are named",
}
LAST = {"404": "no step was made since the service began"}


def described(app: FastAPI, *, with_keys: bool) -> None:
    """Have an application publish its description.

    Args:
        app: With all its routes.
        with_keys: Whether requests need a key.
    """
    bodies = (ObservationBody, DecisionBody, CommunityBody, HealthBody, RefusalBody)
    _, definitions = models_json_schema([(body, "validation") for body in bodies], ref_template=PLACE + "{model}")
    schema: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "autonomy",
            "version": app.version,
            "description": "Observation in, safe decision out. kW, kWh, h, currency/kWh; + is charge, sell, export.",
        },
        "paths": _paths(),
        "components": {"schemas": definitions["$defs"]},
    }
    if with_keys:
        schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"key": []}]
    app.openapi = lambda: schema  # type: ignore[method-assign]  # FastAPI's own way to replace it


def _paths() -> dict[str, Any]:
    step = _operation("Decide one step", "What is to be done", DecisionBody, {**REFUSALS, **STEP_REFUSALS})
    step["requestBody"] = {"required": True, "content": {"application/json": {"schema": _reference(ObservationBody)}}}
    step["parameters"] = [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Names the request: sent again, it gets the same answer and makes no second step.",
        }
    ]
    last = _operation("The last decision", "As it was answered", DecisionBody, {**REFUSALS, **LAST})
    about = _operation("What is controlled", "Names, limits, caps to fall back to", CommunityBody, REFUSALS)
    health = _operation("Whether the service runs", "It does", HealthBody, {})
    health["security"] = []
    metrics = _operation("What is counted", "Prometheus, format 0.0.4", None, REFUSALS)
    return {
        "/step": {"post": step},
        "/decision": {"get": last},
        "/community": {"get": about},
        "/health": {"get": health},
        "/metrics": {"get": metrics},
    }


def _operation(summary: str, found: str, body: type[BaseModel] | None, refusals: dict[str, str]) -> dict[str, Any]:
    content: dict[str, Any]
    if body is None:
        content = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": _reference(body)}}
    refusal = {"application/json": {"schema": _reference(RefusalBody)}}
    answers = {status: {"description": text, "content": refusal} for status, text in refusals.items()}
    return {"summary": summary, "responses": {"200": {"description": found, "content": content}, **answers}}


def _reference(body: type[BaseModel]) -> dict[str, str]:
    return {"$ref": PLACE + body.__name__}
