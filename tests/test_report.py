"""The report's page: nothing from elsewhere, nothing that runs, every figure and table with its words."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import autonomy.report.html as html_module
import autonomy.report.write as write_module
from autonomy.evidence import Kpi, RunEvidence
from autonomy.layers.community import Community
from autonomy.layers.invariants import INVARIANTS
from autonomy.layers.network import Network
from autonomy.report.columns import COLUMNS, FURTHER, MAIN
from autonomy.report.html import html
from autonomy.report.summary import summary, summary_json
from autonomy.report.write import write_report
from tests.evidence import POLICIES, SOC, Page, make_community, make_evidence, make_run


@pytest.fixture(scope="module")
def evidence() -> RunEvidence:
    return make_evidence()


@pytest.fixture(scope="module")
def text(evidence: RunEvidence) -> str:
    return html(evidence)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of pages whose words alone are looked at: drawing takes most of the time."""
    monkeypatch.setattr(html_module, "figures", lambda _: ())


# The page


def test_the_page_names_no_network_address_and_runs_no_script(text: str, page: Page) -> None:
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    assert page.having("script") == []
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "data", "action", "poster"}:
                assert value is not None
                assert value.startswith(("#", "data:,")), (tag, name, value)


def test_every_element_is_closed_in_order(page: Page) -> None:
    assert page.unbalanced == []
    assert page.open == []


def test_identifiers_are_unique_and_every_reference_has_its_target(text: str, page: Page) -> None:
    ids = [value for _, attributes in page.tags if (value := attributes.get("id")) is not None]
    assert len(ids) == len(set(ids))
    targets = [href[1:] for _, a in page.tags if (href := a.get("href") or "").startswith("#")]
    targets += [word for _, a in page.tags for word in (a.get("aria-labelledby") or "").split()]
    targets += re.findall(r"url\(#([^)]+)\)", text)
    assert {"figures-of-merit", "figures", "rules", "reproduce"} <= set(targets)
    assert set(targets) <= set(ids)


def test_every_figure_has_a_text_alternative_and_a_caption(page: Page) -> None:
    names = [attributes.get("id") for attributes in page.having("figure")]
    assert names == [f"figure-{name}" for name in ("savings", "dispatch", "feeder", "soc", "prices", "interventions")]
    assert len(page.having("figcaption")) == len(names)
    for picture in page.having("svg"):
        assert picture["role"] == "img"
        assert len(picture["aria-label"] or "") > 40


def test_every_table_has_a_caption_and_scoped_headings(page: Page) -> None:
    assert len(page.having("caption")) == len(page.having("table"))
    assert {attributes.get("scope") for attributes in page.having("th")} == {"col", "row"}


def test_every_key_figure_of_every_policy_appears(evidence: RunEvidence, page: Page) -> None:
    for policy, column in itertools.product(POLICIES, COLUMNS.values()):
        assert column.text(evidence.kpis[policy]) in page.text, (policy, column.field)
    assert "1,099.88" in page.text
    assert "33.3 %" in page.text
    assert "25.0 µs" in page.text


def test_the_two_tables_together_hold_every_field_of_kpi_once() -> None:
    names = [item.name for item in dataclasses.fields(Kpi) if item.name != "policy"]
    assert sorted((*MAIN, *FURTHER)) == sorted(names)
    assert sorted(COLUMNS) == sorted(names)


def test_the_page_tells_rules_community_costs_and_how_to_reproduce(evidence: RunEvidence, page: Page) -> None:
    expected = [rule.formula for rule in INVARIANTS] + [rule.name for rule in INVARIANTS]
    expected += [evidence.command, evidence.data_sha256, evidence.data_source, evidence.terminal_rule, "9.8.7", "Ana"]
    expected += ["10.0 kW", "6.0 kW", evidence.created, "kernel", "perfect-foresight bound"]
    for words in expected:
        assert words in page.text, words


HOSTILE = '<script>alert("x")</script>&amp;<img src=x onerror=y>'


def test_hostile_names_are_shown_and_not_run() -> None:
    policy = f"evil {HOSTILE}"
    hostile = make_evidence(
        ("grid-only", policy),
        violations={(policy, 0): ((1, SOC),)},
        title=HOSTILE,
        community=make_community((f"{HOSTILE}1", f"{HOSTILE}2", f"{HOSTILE}3")),
        command=HOSTILE,
        currency=HOSTILE,
        data_source=HOSTILE,
    )
    page = Page(html(hostile))
    assert page.having("script") == []
    assert page.having("img") == []
    assert page.unbalanced == []
    assert HOSTILE in page.text
    assert policy in page.text


def test_the_same_evidence_gives_the_same_page(evidence: RunEvidence, text: str) -> None:
    assert html(evidence) == text


@pytest.mark.parametrize(
    "policies", [("grid-only",), ("learned",), ("optimum",), ("grid-only", "optimum"), ("learned", "nan", "mpc")]
)
def test_any_set_of_policies_can_be_reported(policies: tuple[str, ...]) -> None:
    partial = make_evidence(policies, windows=1)
    page = Page(html(partial))
    assert page.unbalanced == []
    assert len(page.having("svg")) >= 4
    assert [row["policy"] for row in summary(partial)["policies"]] == list(policies)


def test_a_community_without_batteries_or_limits_can_be_reported() -> None:
    plain = Community(
        battery_capacity_kwh=np.zeros(3),
        charge_limit_kw=np.zeros(3),
        discharge_limit_kw=np.zeros(3),
        network=Network.single_feeder(n_prosumers=3),
    )
    changes: dict[str, Any] = {
        "import_limit_kw": math.inf,
        "export_limit_kw": math.inf,
        "capacity_kwh": np.zeros(3),
        "clearing_price": np.full(1, np.nan),
        "steps": 1,
    }
    runs = {name: (make_run(name, **changes),) for name in ("grid-only", "learned")}
    bare = make_evidence(("grid-only", "learned"), windows=1, community=plain, trajectories=runs)
    bare = dataclasses.replace(bare, windows=(("hour", 0, 1),))
    page = Page(html(bare))
    assert "no limit" in page.text
    assert "figure-soc" not in [attributes.get("id") for attributes in page.having("figure")]
    assert "nothing was traded between neighbours" in page.text
    assert orjson.loads(summary_json(bare))["community"]["feeder_import_limit_kw"] is None


# The files


def test_the_report_is_written_whole_and_nothing_else_stays(evidence: RunEvidence, text: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    assert write_report(evidence, folder) == folder / "report.html"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "summary.json"]
    assert (folder / "report.html").read_text(encoding="utf-8") == text
    assert orjson.loads((folder / "summary.json").read_bytes()) == summary(evidence)


@pytest.mark.usefixtures("no_figures")
def test_an_error_while_rendering_leaves_the_old_report(
    evidence: RunEvidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.html").write_text("old")

    def fail(_: RunEvidence) -> bytes:
        raise ValueError("rendering failed")

    monkeypatch.setattr(write_module, "summary_json", fail)
    with pytest.raises(ValueError, match="rendering failed"):
        write_report(evidence, tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "old")]


@pytest.mark.parametrize("fault", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.usefixtures("no_figures")
def test_an_interruption_while_writing_leaves_the_old_report_and_no_temporary(
    evidence: RunEvidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    (tmp_path / "report.html").write_text("old")

    def fail(_: int) -> None:
        raise fault

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(type(fault)):
        write_report(evidence, tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "old")]


def test_importing_the_report_loads_no_matplotlib_and_drawing_loads_no_pyplot() -> None:
    root = Path(__file__).parent
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import autonomy.report.write\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import evidence\nfrom autonomy.report.figures import figures\n"
        "assert len(figures(evidence.make_evidence())) == 6\n"
        "assert 'matplotlib.figure' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(root)], cwd=root.parent, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
