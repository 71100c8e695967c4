"""Reports about other communities: losses, ramps, EVs, an outage; what the checker does not know is not said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from autonomy.configuration import read_configuration
from autonomy.safety import verifier
from autonomy.safety.build import Order, _context
from autonomy.safety.canonical import canonical
from autonomy.safety.contents import PROVIDERS
from autonomy.safety.record import checked_prices
from autonomy.scenario import Scenario

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
QUICK = ("runtime", "operating", "market", "extremes", "reserves", "optimality")


def claims_of(name: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the claims of the quick chapters about an example, each accepted by the checker."""
    configuration = read_configuration(EXAMPLES / name)
    scenario = Scenario.from_file(EXAMPLES / "data.csv", community=configuration.community)
    supplied = configuration.assets.supply(scenario.series)
    scenario = scenario if supplied is scenario.series else Scenario.whole(supplied)
    order = Order(
        configuration=configuration,
        scenario=scenario,
        windows=(scenario.between("2024-06-05", "2024-06-07"),),
        policy="self-consumption",
        is_full=False,
        command="test",
    )
    context = _context(order, folder / "report")
    context.folder.mkdir()
    context.work.mkdir()
    found = [json.loads(canonical(claim.document())) for chapter in QUICK for claim in PROVIDERS[chapter](context)]
    for claim in found:
        assert verifier.judge(context.checker, claim)
        assert not (claim["role"] == "promise" and claim["verdict"] == "REFUTED")
    return {claim["id"]: claim for claim in found}


def test_losses_and_ramps_leave_a_bound_of_the_optimum_and_no_reserve(tmp_path: Path) -> None:
    claims = claims_of("community.toml", tmp_path)
    assert claims["optimality.optimum"]["verdict"] == "BOUNDED"
    assert "or more" in claims["optimality.optimum"]["sentence"]
    assert claims["optimality.share"]["sentence"].startswith("The policy saves at least")
    assert claims["runtime.limits"]["values"]["violations"] == 0
    assert not any(id_.startswith("reserve.") for id_ in claims)
    for quantity in ("shed", "curtailment"):
        for rung in ("support", "grid-only", "dead-stop"):
            assert claims[f"worst-case.{quantity}-{rung}"]["verdict"] == "PROVED-EXACT"


def test_vehicles_and_outages_are_judged_but_not_priced(tmp_path: Path) -> None:
    claims = claims_of("assets.toml", tmp_path)
    assert claims["runtime.limits"]["verdict"] == "PROVED-EXACT"
    assert claims["runtime.adversary"]["verdict"] == "PROVED-EXACT"
    assert not any(id_.startswith("optimality.") for id_ in claims)
    assert "not in an outage" in claims["worst-case.shed-grid-only"]["sentence"]


def test_fees_and_peak_prices_are_not_priced_either() -> None:
    economics = read_configuration(EXAMPLES / "community.toml").economics
    assert checked_prices(economics) is not None
    assert checked_prices(replace(economics, trade_fee_per_kwh=0.01)) is None
    assert checked_prices(replace(economics, capacity_price_per_kw=1.0)) is None
