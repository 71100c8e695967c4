"""Reserves, thresholds, charge, books: what is true is accepted; what is forged, or about others, is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autonomy import Community
from autonomy.layers.errors import ModelError
from autonomy.market.auction import clear_book
from autonomy.market.book import Book
from autonomy.safety import verifier
from autonomy.safety.certificates import belongs, check_certificate, covers
from autonomy.safety.domain import Operating, operating_domain
from autonomy.scenario import Scenario
from autonomy.worstcase import Quantity, Rung, canonical, worst_case
from autonomy.worstcase.amounts import text
from autonomy.worstcase.peak import Peak, envelope_of, peak_of
from autonomy.worstcase.penalty import penalty_of
from autonomy.worstcase.places import behind_feeder
from autonomy.worstcase.reserve import feeder_reserve, least_reserve
from autonomy.worstcase.reserve_program import Objective
from autonomy.worstcase.soc import soc_of
from autonomy.worstcase.trades import market_certificate

REFUSALS = (ValueError, KeyError, TypeError, IndexError)
RATED = (
    "charge_limit_kw",
    "discharge_limit_kw",
    "charge_efficiency",
    "discharge_efficiency",
    "soc_min",
    "soc_max",
    "connection_limit_kw",
)
Forge = Callable[[Any], object]


def read(document: Any) -> Any:
    """Return what a file of the certificate would hold."""
    return json.loads(canonical(document))


@pytest.fixture(scope="module")
def demo() -> Community:
    return Community.demo()


@pytest.fixture(scope="module")
def operating(demo: Community) -> Operating:
    return operating_domain(demo, Scenario.demo())


@pytest.fixture(scope="module")
def peak() -> Peak:
    community, series = behind_feeder(12)
    return peak_of(community, *envelope_of(series, first_hour=17, hours=3))


@pytest.fixture(scope="module")
def true(demo: Community, operating: Operating, peak: Peak) -> dict[str, Any]:
    """One true certificate of each kind."""
    book = Book(quantity=np.array([900, 400, -700, -500, 0]), limit=np.array([90000, 120000, 200000, 150000, 80000]))
    return {
        "energy": read(least_reserve(peak).certificate()),
        "share": read(least_reserve(peak, Objective.SHARE).certificate()),
        "penalty": read(penalty_of(demo).certificate()),
        "soc": read(soc_of(demo, meter_error_kwh=0.1, efficiency_error=0.03).certificate()),
        "market": read(market_certificate(book, clear_book(book), feed_in=60000, retail=300000)),
        "worst": read(worst_case(operating.domain, Quantity.SHED, Rung.GRID_ONLY, highs_limit_s=0.3).certificate()),
    }


def test_true_certificates_are_accepted(true: dict[str, Any], peak: Peak) -> None:
    assert {check_certificate(said)["verdict"] for said in true.values()} == {"PROVED-EXACT"}
    assert check_certificate(true["energy"])["value"] == pytest.approx(float(feeder_reserve(peak)), abs=1e-6)
    assert check_certificate(true["share"])["value"] <= 1


def test_a_peak_that_full_batteries_do_not_get_through_is_an_error(peak: Peak) -> None:
    assert float(feeder_reserve(peak)) > 0
    community, series = behind_feeder(12)
    demand, pv = envelope_of(series, first_hour=17, hours=3)
    with pytest.raises(ModelError, match="full batteries"):
        least_reserve(peak_of(community, 5 * demand, pv))


def amount(code: Any, *path: Any, by: Fraction = Fraction(1, 1000)) -> None:
    """Add to an amount at a place of a certificate."""
    place = code
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = text(Fraction(place[path[-1]]) + by)


def first_multiplier(code: Any) -> Any:
    return code["tree"][0]["multipliers"][0]


FORGED: list[tuple[str, Forge]] = [
    ("energy", lambda code: amount(code, "value", by=Fraction(-1))),
    ("energy", lambda code: amount(code, "bound", by=Fraction(1))),
    ("energy", lambda code: amount(code, "plan", "start_kwh", 0, by=Fraction(-1))),
    ("energy", lambda code: amount(code, "plan", "battery_kw", 0, 0)),
    ("energy", lambda code: amount(code, "demand_kw", 0, 0)),
    ("energy", lambda code: amount(code, "limits", "import_kw", 0)),
    ("energy", lambda code: first_multiplier(code).__setitem__(1, text(-Fraction(first_multiplier(code)[1])))),
    ("energy", lambda code: code["tree"].append({"multipliers": [], "bound": "0"})),
    ("energy", lambda code: code.update(objective="share")),
    ("energy", lambda code: code.update(allowed_gap="1")),
    ("share", lambda code: amount(code, "value", by=Fraction(-1, 10))),
    ("share", lambda code: code["program"]["rows"].pop()),
    ("penalty", lambda code: amount(code, "threshold")),
    ("penalty", lambda code: amount(code, "shed_price", by=Fraction(-5))),
    ("penalty", lambda code: amount(code, "below", "shed_kw")),
    ("penalty", lambda code: code.update(above=code["below"])),
    ("penalty", lambda code: code["below"].update(shed_kw="0")),
    ("soc", lambda code: code["robust"].__setitem__(0, ["0", "0"])),
    ("soc", lambda code: code["storage"][0].update(retention="0.99")),
    ("soc", lambda code: amount(code, "meter_error_kwh", 0, by=Fraction(-1, 20))),
    ("soc", lambda code: code["narrowed_kwh"].__setitem__(0, None)),
    ("market", lambda code: code["payments"].__setitem__(0, code["payments"][0] - 1)),
    ("market", lambda code: code["trades"].__setitem__(0, code["trades"][0] + 1)),
    ("market", lambda code: code.update(take=5)),
    ("market", lambda code: code.update(gap=code["gap"] - 1)),
    ("market", lambda code: code.update(sell_price=10)),
    ("market", lambda code: code["orders"][2].update(limit=1)),
    ("worst", lambda code: code.update(comment="trust me")),
]


@pytest.mark.parametrize(("kind", "forge"), FORGED)
def test_a_forged_certificate_is_refused(true: dict[str, Any], kind: str, forge: Forge) -> None:
    code = json.loads(json.dumps(true[kind]))
    forge(code)
    with pytest.raises(REFUSALS):
        check_certificate(code)


def home(community: Community) -> Any:
    """Return a community as the checker reads it from a journal's header."""
    network, size = community.network, community.n_prosumers
    fractions = {
        name: [Fraction(float(x)) if np.isfinite(x) else float(x) for x in getattr(community, name)] for name in RATED
    }
    return SimpleNamespace(
        size=size,
        dt=Fraction(community.timestep_h),
        tree=verifier.lib.Tree(network.parent.tolist(), network.bus_of_prosumer.tolist()),
        rated=fractions,
        capacity=[Fraction(x) for x in community.battery_capacity_kwh.tolist()],
        kept=[Fraction(x) for x in community.retention.tolist()],
        imports=[Fraction(x) for x in network.import_limit_kw.tolist()],
        exports=[Fraction(x) for x in network.export_limit_kw.tolist()],
        loss=[Fraction(0)] * network.n_lines,
    )


@pytest.mark.parametrize(
    ("field", "factor", "kinds"),
    [
        ("charge_limit_kw", 1.1, ("penalty", "soc")),
        ("discharge_limit_kw", 1.1, ("penalty", "soc", "worst")),
        ("battery_capacity_kwh", 1.1, ("soc", "worst")),
        ("discharge_efficiency", 0.99, ("soc", "worst")),
        ("connection_limit_kw", 0.5, ("worst",)),
    ],
)
def test_a_true_certificate_about_other_batteries_is_refused(
    true: dict[str, Any], demo: Community, field: str, factor: float, kinds: tuple[str, ...]
) -> None:
    value = getattr(demo, field)
    other = replace(demo, **{field: np.where(np.isfinite(value), factor * value, 10.0)})
    for kind in kinds:
        belongs(true[kind], home(demo))
        with pytest.raises(ValueError, match="other"):
            belongs(true[kind], home(other))


def test_a_true_certificate_about_another_feeder_is_refused(true: dict[str, Any], demo: Community) -> None:
    network = replace(demo.network, import_limit_kw=demo.network.import_limit_kw + 1.0)
    with pytest.raises(ValueError, match="other limits"):
        belongs(true["worst"], home(replace(demo, network=network)))
    with pytest.raises(ValueError, match="another network"):
        belongs(true["energy"], home(demo))


def test_a_worst_case_covers_its_domain_and_no_other(true: dict[str, Any], operating: Operating) -> None:
    domain = read(operating.document())
    covers(true["worst"], domain)
    for change in (
        lambda said: said["ranges"][0]["values"][0].__setitem__(1, 99.0),
        lambda said: said["together"]["coincidence"].__setitem__(0, 0.9),
        lambda said: said["together"]["sun"].__setitem__(1, 0.5),
        lambda said: said["together"]["pv_peak_kw"].__setitem__(0, 50.0),
    ):
        other = read(operating.document())
        change(other)
        with pytest.raises(ValueError, match="it is about"):
            covers(true["worst"], other)


def test_counts_are_bounded_as_clopper_and_pearson_do() -> None:
    folder = verifier.Folder.__new__(verifier.Folder)
    good = {"kind": "count", "trials": 59, "failures": 0, "upper": 0.0496, "confidence": 0.95}
    assert verifier.count(folder, good)["upper"] == Fraction("0.0496")
    with pytest.raises(ValueError, match="count"):
        verifier.count(folder, {**good, "upper": 0.0494})
    with pytest.raises(ValueError, match="count"):
        verifier.count(folder, {**good, "failures": 1})
    assert verifier.count(folder, {**good, "failures": 59, "upper": 1.0})["upper"] == 1
    with pytest.raises(ValueError, match="count"):
        verifier.count(folder, {**good, "failures": 60, "upper": 1.0})
