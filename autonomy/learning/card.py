"""The model card: where weights come from, how they scored, and what they are not good for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What is stated beside weights.

    Attributes:
        title: One line.
        method: How they were trained: "gradient", "ppo" ….
        command: The command that trains them.
        seed: Of that command.
        version: Of this package when they were trained.
        data: What they learned from, one sentence.
        data_sha256: Hash of the series.
        forecast: Kinds of forecast they were trained with, joined by commas.
        score: Share of the achievable saving on the weeks that validate, 0..1: what choices were made by.
        cpu_s: Seconds of processor time of the training.
        limits: What they were not trained for.
        prices: Of `Economics`, by name, that they are told instead of the community's own; empty for its own.
        bid_score: Share of what trade is worth that is neither lost nor there for other bids to gain, on the weeks that
            validate, 0..1; None where bids were not taught.
    """

    title: str
    method: str
    command: str
    seed: int
    version: str
    data: str
    data_sha256: str
    forecast: str
    score: float
    cpu_s: float
    limits: str
    prices: Mapping[str, float] = field(default_factory=dict)
    bid_score: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)
