"""Settings of Layer 3."""

from __future__ import annotations

from dataclasses import dataclass, field

from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.monitors import Accuracy
from autonomy.layers.supervision.watch import Loss


@dataclass(frozen=True, kw_only=True, slots=True)
class Supervisor:
    """Settings of Layer 3.

    Attributes:
        policy_deadline_s: Seconds a policy may take. It then runs in a thread of its own, and a decision is made
            without it when it is late, even if it never returns; a policy that holds Python's lock can delay that. None
            to call it in the host's thread and wait for it.
        fingerprint_every: Steps from one check of a policy's weights to the next; 0 for never.
        frozen_after: Steps in a row with the very same intent, other than idle, while demand and generation
            changed noticeably, from which a policy is called frozen; 0 for never.
        frozen_loss: What a frozen policy costs: `Loss.NOTE` (only said) or `Loss.POLICY` (no longer followed).
        hold_steps: Steps without a doubt until what it took is given back, >= 1.
        free_releases: How often that may happen to one cause at one prosumer before it is bounded to once a day, >= 1.
        accuracy: How exact the host is; the default monitors follow from it.

    Raises:
        ModelError: a setting is out of its range.
    """

    policy_deadline_s: float | None = None
    fingerprint_every: int = 96
    frozen_after: int = 24
    frozen_loss: Loss = Loss.NOTE
    hold_steps: int = 4
    free_releases: int = 3
    accuracy: Accuracy = field(default_factory=Accuracy)

    def __post_init__(self) -> None:
        if self.policy_deadline_s is not None and not self.policy_deadline_s > 0:
            raise ModelError("policy_deadline_s", self.policy_deadline_s, "seconds > 0, or None")
        for name, least in (("fingerprint_every", 0), ("frozen_after", 0), ("hold_steps", 1), ("free_releases", 1)):
            if not getattr(self, name) >= least:
                raise ModelError(name, getattr(self, name), f"a whole number >= {least}")
        if self.frozen_loss not in (Loss.NOTE, Loss.POLICY):
            raise ModelError("frozen_loss", self.frozen_loss, "Loss.NOTE or Loss.POLICY")
