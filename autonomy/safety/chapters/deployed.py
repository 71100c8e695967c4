"""The deployed policy, if it is networks: what they can be told, and their weights in the report's folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from autonomy.learning.policy import LearnedPolicy, networks_of
from autonomy.learning.shipped import FOLDER, SHIPPED
from autonomy.learning.weights import read_weights
from autonomy.policies import load_policy, with_economics
from autonomy.policyproof.region import Region, region_of
from autonomy.safety.canonical import sha256
from autonomy.safety.context import Context


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Deployed:
    """The policy that the report is about, if it is networks.

    Attributes:
        region: Community, data, networks, and what they can be told.
        weights: File in the report's folder and place in it, of each network.
        hashes: SHA-256 of each file by its name.
    """

    region: Region
    weights: tuple[tuple[str, int], ...]
    hashes: dict[str, str]


def deployed_of(context: Context) -> Deployed | None:
    """Return the policy of the report, its weights copied into the folder; None where it is not networks."""
    policy = with_economics(load_policy(context.policy), context.configuration.economics)
    networks = networks_of(policy) if isinstance(policy, LearnedPolicy) else ()
    if not networks or not isinstance(policy, LearnedPolicy):
        return None
    paths = [FOLDER / f"{name}.npz" for name in SHIPPED.get(context.policy, ())] or [Path(context.policy)]
    weights, hashes = [], {}
    for path in paths:
        content = path.read_bytes()
        copy = context.folder / "evidence" / "policy" / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        weights += [(f"evidence/policy/{path.name}", place) for place in range(len(read_weights(path).networks))]
        hashes[path.name] = sha256(content)
    series = context.scenario.series
    whole = replace(context.scenario, start=0, stop=series.n_steps)
    region = region_of(context.configuration.community, whole, networks, policy.economics)
    return Deployed(region=region, weights=tuple(weights), hashes=hashes)
