"""Layer 1: anything that proposes intents. Nothing in here is trusted by the layers below."""

from autonomy.layers.intent.catalogue import POLICIES, named_policy
from autonomy.layers.intent.policy import Policy, Wish, read_answer

__all__ = ["POLICIES", "Policy", "Wish", "named_policy", "read_answer"]
