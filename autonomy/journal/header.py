"""A journal's header: everything but the data that its decisions depend on, so that a replay needs nothing else."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.entry import Terms
from autonomy.journal.line import dumps
from autonomy.journal.values import decode, row, text_of
from autonomy.layers.arrays import Vector
from autonomy.layers.community import ARRAY_FIELDS, Community
from autonomy.layers.network import Network
from autonomy.layers.projection import Lookahead
from autonomy.layers.supervision import Loss
from autonomy.layers.supervision.monitors import Accuracy
from autonomy.layers.voltage import VoltageLimits
from autonomy.solvers.machine import load_machine
from autonomy.supervisor import Supervisor

SCHEMA = "autonomy-journal/1"
NETWORK_ARRAYS = ("import_limit_kw", "export_limit_kw", "resistance_ohm")
VOLTAGE_ARRAYS = ("reactance_ohm", "voltage_min_pu", "voltage_max_pu", "demand_power_factor")
VOLTAGE_NUMBERS = ("grid_voltage_pu", "margin_pu")


def header_body(terms: Terms, *, lines_a_root: int, step: int, previous_kw: Vector, cut_bytes: int | None) -> bytes:
    """Return the body of a header line.

    Args:
        terms: What the decisions after it are made under.
        lines_a_root: Lines after which a root line follows.
        step: Number of the step after it.
        previous_kw: (N,) kW, the last battery powers before it.
        cut_bytes: Bytes of half a line that were cut off when the journal was gone on with; None for a header at the
            start of a journal.
    """
    community = _community(terms.community)
    header = {
        "schema": SCHEMA,
        "made_by": _made_by(),
        "timestep_h": terms.community.timestep_h,
        "community_sha256": hashlib.sha256(dumps(community)).hexdigest(),
        "community": community,
        "policy": _policy(terms.policy),
        "supervisor": asdict(terms.supervisor),
        "monitors": None if terms.monitors is None else [text_of(type(monitor).__name__) for monitor in terms.monitors],
        "backend": terms.backend,
        "look_ahead": None if terms.look_ahead is None else _look_ahead(terms.look_ahead),
        "voltage": None if terms.voltage is None else _voltage(terms.voltage),
        "lines_a_root": lines_a_root,
    }
    return dumps({"header": header, "start": start_code(step, previous_kw), "cut_bytes": cut_bytes})


def start_code(step: int, previous_kw: Vector) -> dict[str, Any]:
    """Return where a controller stands, for headers and gaps."""
    return {"step": step, "battery_kw": row(previous_kw)}


def community_sha256(community: Community) -> str:
    """Return the SHA-256 of a community in canonical form."""
    return hashlib.sha256(dumps(_community(community))).hexdigest()


def terms_of(header: Mapping[str, Any]) -> Terms:
    """Return the terms that a header states; the policy is only its name.

    Raises:
        ValueError: the header is incomplete, of another schema, or its community is not the one it has the hash of.
        ModelError: the community makes no sense.
    """
    if header.get("schema") != SCHEMA:
        raise ValueError(f"the schema is {header.get('schema')!r}; expected {SCHEMA!r}")
    try:
        code = header["community"]
        actual = hashlib.sha256(dumps(code)).hexdigest()
        if actual != header["community_sha256"]:
            raise ValueError(f"the community's SHA-256 is {actual}; the header says {header['community_sha256']}")
        community = _read_community(code)
        if community.timestep_h != header["timestep_h"]:
            raise ValueError(f"the time step is {header['timestep_h']} h; the community's is {community.timestep_h} h")
        look_ahead, voltage = header["look_ahead"], header["voltage"]
        return Terms(
            community=community,
            policy=str(header["policy"]["name"]),
            backend=str(header["backend"]),
            supervisor=_read_supervisor(header["supervisor"]),
            # What monitors of a host's own said stands in the lines.
            monitors=None if header["monitors"] is None else (),
            look_ahead=None if look_ahead is None else Lookahead(community, **look_ahead),
            voltage=None if voltage is None else _read_voltage(voltage, community.network),
        )
    except (KeyError, TypeError) as fault:
        raise ValueError(f"the header is incomplete or has a wrong type ({type(fault).__name__}: {fault})") from None


@lru_cache(maxsize=1)
def _made_by() -> dict[str, str]:
    """Return what decided: floats may differ in their last bits between versions and processors."""
    found = {}
    for name in ("autonomy-stack", "numpy", "numba", "orjson"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    lane = "machine code" if load_machine() is not None else "NumPy"
    return {**found, "python": platform.python_version(), "processor": platform.machine(), "lane": lane}


def made_here(header: Mapping[str, Any]) -> bool:
    """Return whether a header was written by the same versions as run now."""
    return header.get("made_by") == _made_by()


def _policy(policy: Any) -> dict[str, Any]:
    """Return a policy's name, and the SHA-256 of its file where it is one."""
    if not isinstance(policy, str):
        kind = policy if hasattr(policy, "__qualname__") else type(policy)
        return {"name": text_of(f"{kind.__module__}:{kind.__qualname__}"), "file_sha256": None}
    path = Path(policy if Path(policy).is_file() else policy.rpartition(":")[0])
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    return {"name": text_of(policy), "file_sha256": digest}


def _community(community: Community) -> dict[str, Any]:
    network = community.network
    return {
        "names": [text_of(name) for name in community.names],
        "timestep_h": community.timestep_h,
        **{name: row(getattr(community, name)) for name in ARRAY_FIELDS},
        "network": {
            "parent": network.parent,
            "bus_of_prosumer": network.bus_of_prosumer,
            **{name: row(getattr(network, name)) for name in NETWORK_ARRAYS},
            "nominal_voltage_v": network.nominal_voltage_v,
        },
    }


def _read_community(code: Mapping[str, Any]) -> Community:
    network = code["network"]
    return Community(
        names=tuple(str(decode(name)) for name in code["names"]),
        timestep_h=code["timestep_h"],
        **{name: decode(code[name]) for name in ARRAY_FIELDS},
        network=Network(
            parent=np.array(network["parent"], dtype=np.int64),
            bus_of_prosumer=np.array(network["bus_of_prosumer"], dtype=np.int64),
            **{name: decode(network[name]) for name in NETWORK_ARRAYS},
            nominal_voltage_v=network["nominal_voltage_v"],
        ),
    )


def _read_supervisor(code: Mapping[str, Any]) -> Supervisor:
    special = {"frozen_loss": Loss(code["frozen_loss"]), "accuracy": Accuracy(**code["accuracy"])}
    return Supervisor(**{**code, **special})


def _look_ahead(look_ahead: Lookahead) -> dict[str, Any]:
    return {
        "solver": look_ahead._solver,
        "horizon": look_ahead._horizon,
        "caution": look_ahead._caution,
        "deadline_s": look_ahead._deadline_s,
    }


def _voltage(voltage: VoltageLimits) -> dict[str, Any]:
    arrays = {name: row(getattr(voltage, name)) for name in VOLTAGE_ARRAYS}
    return {**arrays, **{name: getattr(voltage, name) for name in VOLTAGE_NUMBERS}}


def _read_voltage(code: Mapping[str, Any], network: Network) -> VoltageLimits:
    arrays = {name: decode(code[name]) for name in VOLTAGE_ARRAYS}
    return VoltageLimits(network=network, **arrays, **{name: code[name] for name in VOLTAGE_NUMBERS})
