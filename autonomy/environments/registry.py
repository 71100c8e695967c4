"""The registered environments by id. A new one is a line here; tests/test_environment_checks.py checks it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

ENTRY_POINT = "autonomy.environments.community:CommunityEnv"

IDS: Mapping[str, Mapping[str, Any]] = {
    "autonomy/Fontana-v0": {},
    "autonomy/FontanaNormalised-v0": {"normalised": True},
    "autonomy/FontanaEv-v0": {"assets": "ev", "normalised": True},
    "autonomy/FontanaOutage-v0": {"assets": "outage", "normalised": True},
    "autonomy/FontanaWind-v0": {"assets": "wind", "normalised": True},
    "autonomy/FontanaAssets-v0": {"assets": "all", "normalised": True},
}
"""From an id to the arguments of `CommunityEnv`; plain values only, so that a specification can be written as JSON."""


def register_all() -> None:
    """Register every id with Gymnasium."""
    for name, arguments in IDS.items():
        gymnasium.register(id=name, entry_point=ENTRY_POINT, kwargs=dict(arguments))
