"""The chapter about the policy's network: each claim is what the checker finds, and what is planted is refuted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy.configuration import demo_configuration
from autonomy.learning.shipped import FOLDER
from autonomy.safety import verifier
from autonomy.safety.build import Order, _context
from autonomy.safety.chapters import policy, policy_powers, policy_refuted, policy_tools
from autonomy.safety.claim import Role, claim_of
from autonomy.safety.context import Context
from autonomy.safety.identity import policy_files
from autonomy.safety.verdict import Verdict
from autonomy.scenario import Scenario


def context_of(folder: Path, name: str) -> Context:
    scenario = Scenario.demo()
    windows = (scenario.window(6076, 24),)  # with an hour in which more is charged at a higher price
    order = Order(
        configuration=demo_configuration(),
        scenario=scenario,
        windows=windows,
        policy=name,
        is_full=False,
        command="test",
    )
    return _context(order, folder)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return context_of(tmp_path_factory.mktemp("report"), "learned")


@pytest.fixture(scope="module")
def claims(context: Context) -> dict[str, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy, "HOURS", 3)
        patch.setattr(policy_powers, "METER_STEPS", 3)
        patch.setattr(policy_refuted, "MAPPED", 1)
        patch.setattr(policy_tools, "AGREEMENTS", ((0, 0.1),))
        found = [claim.document() for claim in policy.claims(context)]
    return {claim["id"]: json.loads(json.dumps(claim)) for claim in found}


def test_every_claim_is_what_the_checker_finds(context: Context, claims: dict[str, dict[str, Any]]) -> None:
    assert len(claims) >= 8
    for claim in claims.values():
        said = verifier.judge(context.checker, claim)
        assert said.startswith("not checked") == (claim["check"] is None), claim["id"]
        assert claim_of(claim).is_as_expected, claim["id"]
        for text in ("statement", "sentence"):
            assert "{" not in claim[text].format(**claim["values"])


def test_what_is_proved_exactly_says_so_for_the_weights_in_charge(claims: dict[str, dict[str, Any]]) -> None:
    bids, empty = claims["policy.bids"], claims["policy.empty-exact"]
    assert bids["verdict"] == empty["verdict"] == Verdict.PROVED_EXACT
    assert bids["values"]["most weights"] == empty["values"]["weights"] == policy_files("learned")
    assert 0 <= bids["values"]["least bound"] <= bids["values"]["most bound"] <= 1
    assert claims["policy.empty"]["values"]["met"] <= claims["policy.empty"]["values"]["bound"]


def test_bounds_are_above_what_was_met(claims: dict[str, dict[str, Any]]) -> None:
    for name in ("policy.intervention", "policy.meters"):
        values = claims[name]["values"]
        assert 0 < values["met"] <= values.get("moved", values.get("bound"))


def test_monotony_in_price_is_refuted_with_a_witness_that_was_played(claims: dict[str, dict[str, Any]]) -> None:
    claim = claims["policy.price"]
    assert claim["verdict"] == Verdict.REFUTED
    assert claim["role"] == Role.LIMIT
    witness = claim["witness"]
    assert witness["retail_price"][0] < witness["retail_price"][1]
    rise = witness["after"]["executed_kw"] - witness["before"]["executed_kw"]
    assert rise == pytest.approx(claim["values"]["rise"], abs=1e-3)
    assert rise > claim["values"]["tolerance"]


def test_the_planted_network_is_refuted_and_a_witness_that_is_none_is_rejected(
    context: Context, claims: dict[str, dict[str, Any]]
) -> None:
    claim = claims["control.network"]
    assert claim["verdict"] == Verdict.REFUTED
    assert claim["values"]["sampled"] <= claim["values"]["bound"] < claim["values"]["value"]
    said = json.loads((context.folder / claim["certificate"]).read_bytes())
    said["point"][0] = str(float(np.float64(0.0)))
    other = verifier.Folder(context.folder, {claim["certificate"]: verifier.canonical(said)})
    with pytest.raises(ValueError, match="keeps the bound"):
        verifier.judge(other, claim)


def test_weights_with_one_bit_flipped_are_noticed(context: Context, claims: dict[str, dict[str, Any]]) -> None:
    claim = claims["policy.empty-exact"]
    name = "evidence/policy/learned-1.npz"
    content = bytearray((context.folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    other = verifier.Folder(context.folder, {name: bytes(content)})
    with pytest.raises(ValueError, match=r"weights|cannot be read"):
        verifier.judge(other, claim)


def test_nothing_is_said_of_a_policy_that_is_no_network(tmp_path: Path) -> None:
    assert list(policy.claims(context_of(tmp_path, "self-consumption"))) == []


def test_a_policy_from_a_file_is_bounded_like_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes((FOLDER / "learned-0.npz").read_bytes())
    context = context_of(tmp_path / "report", str(path))
    first = next(iter(policy.claims(context)))
    assert first.id == "policy.bids"
    assert set(first.values["most weights"]) == {"mine.npz"}
    verifier.judge(context.checker, json.loads(json.dumps(first.document())))
