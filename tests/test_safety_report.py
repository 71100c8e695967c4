"""The safety report as a whole: it is made, verifies with Python alone, and no bit of it changes unnoticed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from autonomy.cli import main
from autonomy.safety import verifier
from autonomy.safety.build import SHIPPED, TOP_LEVEL, write_manifest
from autonomy.safety.canonical import canonical
from autonomy.safety.chapters import runtime
from autonomy.safety.contents import CHAPTERS
from autonomy.safety.hazards import HAZARDS, orphans
from autonomy.safety.mapping import MAPPINGS
from tests.corrupt_report import flipped, flips, is_noticed
from tests.small_report import make

FLIPS = 100


@pytest.fixture(scope="module")
def folder(report_folder: Path) -> Path:
    return report_folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return said


def claim_of(report: dict[str, Any], id_: str) -> dict[str, Any]:
    return next(claim for claim in report["claims"] if claim["id"] == id_)


def alone(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the checker of the folder in an interpreter that sees no site-packages and no environment."""
    words = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)]
    return subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})


def test_the_report_verifies_with_python_alone_and_with_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = alone(folder)
    assert said.returncode == 0, said.stdout
    assert said.stdout.endswith("0 wrong: verified\n")
    assert main(["verify", str(folder), "--no-replay"]) == 0
    assert "0 wrong: verified" in capsys.readouterr().out


def test_the_command_decides_every_step_again_but_those_of_broken_cores(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.count(" decided again") == 3
    assert "control-" not in out.split("0 wrong: verified")[1]


def test_everything_is_as_expected_and_the_planted_errors_are_red(report: dict[str, Any]) -> None:
    assert report["is_as_expected"]
    controls = [claim for claim in report["claims"] if claim["role"] == "control"]
    assert {"control.lemmas", "control.core", "control.bit", "control.sign", "control.claim", "control.leaf"} <= {
        claim["id"] for claim in controls
    }
    assert all(claim["verdict"] == "REFUTED" and claim["witness"] for claim in controls)
    assert claim_of(report, "control.solver")["values"]["violations"] == 0


def test_the_json_is_what_its_schema_says(folder: Path, report: dict[str, Any]) -> None:
    schema = json.loads((folder / "report.schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(report, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**report, "claims": [{"id": "x"}]}, schema)


def test_no_hazard_is_without_a_claim_and_no_claim_without_a_hazard(report: dict[str, Any]) -> None:
    ids = [claim["id"] for claim in report["claims"]]
    assert orphans(ids) == ()
    assert all(row["claims"] for row in report["hazards"])
    assert orphans(["market.balance"]) == tuple(hazard.id for hazard in HAZARDS if hazard.id != "H10")


def test_assumptions_certificates_and_mappings_exist(folder: Path, report: dict[str, Any]) -> None:
    ids = {claim["id"] for claim in report["claims"]}
    for claim in report["claims"]:
        assert set(claim["assumptions"]) <= ids
        assert not claim["certificate"] or (folder / claim["certificate"]).is_file()
        assert claim["id"].partition(".")[0] in {"assume", "control"} or claim["method"]
    sources = " ".join(row.source for row in MAPPINGS)
    for text in ("ASTM F3269", "IEEE 2030.7", "IEEE 2030.8", "IEEE 1547", "AI Act", "NIST AI RMF"):
        assert text in sources
    assert [chapter["letter"] for chapter in report["chapters"]] == list(CHAPTERS) == list("ABCDEFGHIJKL")


def test_worst_cases_are_proved_exactly_and_over_the_stated_domain(folder: Path, report: dict[str, Any]) -> None:
    for quantity in ("shed", "curtailment"):
        for rung in ("support", "grid-only", "dead-stop"):
            claim = claim_of(report, f"worst-case.{quantity}-{rung}")
            assert claim["verdict"] == "PROVED-EXACT"
            assert claim["values"]["bound_kw"] <= claim["values"]["box_bound_kw"] + 1e-9
            assert verifier.judge(verifier.Folder(folder), claim) == "6 numbers checked again"


@pytest.mark.parametrize("seed", [0])
def test_single_bit_flips_anywhere_in_the_folder_are_noticed(folder: Path, seed: int) -> None:
    found = list(flips(folder, FLIPS, seed=seed))
    assert len(found) == FLIPS
    assert len({name for name, _ in found}) > 5
    assert [flip for flip in found if not is_noticed(folder, *flip)] == []


def test_a_flip_on_disk_is_noticed_by_the_checker_in_the_folder(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    name, bit = "evidence/optimum.json", 777
    (copy / name).write_bytes(flipped((copy / name).read_bytes(), bit))
    said = alone(copy)
    assert said.returncode == 2
    assert f"changed: {name}" in said.stdout


def test_files_that_are_added_or_missing_are_noticed(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "evidence" / "more.json").write_text("{}", encoding="utf-8")
    assert alone(copy).returncode == 2
    (copy / "evidence" / "more.json").unlink()
    assert verifier.Folder(copy).check()
    (copy / "evidence" / "soc.json").unlink()
    with pytest.raises(ValueError, match=r"evidence/soc\.json"):
        verifier.Folder(copy).check()


def lie(number: float) -> float:
    return number * 1.001 + 1.0


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("runtime.limits", "decisions"),
        ("runtime.limits", "margin_kw"),
        ("runtime.nearest", "distance_p100_kw"),
        ("runtime.interventions", "shed_kwh"),
        ("runtime.unseen", "upper"),
        ("domain.ranges", "inside"),
        ("worst-case.shed-grid-only", "bound_kw"),
        ("reserve.energy", "value"),
        ("penalty.threshold", "threshold"),
        ("soc.robust", "excess_kwh"),
        ("optimality.optimum", "bound"),
        ("optimality.share", "share"),
        ("policy.regret", "regret"),
    ],
)
def test_a_number_that_the_evidence_does_not_show_is_found_wrong(
    folder: Path, report: dict[str, Any], id_: str, name: str
) -> None:
    claim = claim_of(report, id_)
    known = verifier.Folder(folder)
    assert verifier.judge(known, claim)
    wrong = {**claim, "values": {**claim["values"], name: lie(claim["values"][name])}}
    if name == "upper":
        wrong = {**wrong, "values": {**wrong["values"], name: 0.9 * claim["values"][name]}}
    with pytest.raises(ValueError, match=name):
        verifier.judge(known, wrong)


def test_a_report_that_was_changed_and_hashed_anew_is_still_refused(
    folder: Path, report: dict[str, Any], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    claim = claim_of(report, "worst-case.shed-support")
    certificate = json.loads((copy / claim["certificate"]).read_bytes())
    certificate["side"]["near_kw"][0] = "1000"
    (copy / claim["certificate"]).write_bytes(canonical(certificate))
    write_manifest(copy)
    said = alone(copy)
    assert said.returncode == 2
    assert "worst-case.shed-support: ValueError: it is about other limits" in said.stdout


def test_a_worst_case_of_another_domain_is_refused(folder: Path, report: dict[str, Any], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    changed = json.loads(canonical(report))
    demand = next(x for x in changed["domains"]["operating"]["ranges"] if x["name"] == "demand_kw")
    demand["values"][0][1] += 5.0
    for claim in changed["claims"]:
        if claim["domain"] == "operating":
            claim["domain_sha256"] = verifier.sha256(canonical(changed["domains"]["operating"]))
    (copy / "report.json").write_bytes(canonical(changed))
    write_manifest(copy)
    said = alone(copy)
    assert said.returncode == 2
    assert "it is about another domain" in said.stdout


def test_a_build_that_was_broken_off_goes_on(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autonomy.safety import build as module  # noqa: PLC0415
    from autonomy.safety.contents import PROVIDERS  # noqa: PLC0415

    few = {name: PROVIDERS[name] for name in ("assumptions", "extremes")}
    asked: list[str] = []

    def watched(name: str) -> Any:
        def claims(context: Any) -> Any:
            asked.append(name)
            return few[name](context)

        return claims

    def broken(_context: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "PROVIDERS", {**{name: watched(name) for name in few}, "last": broken})
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert asked == list(few)
    monkeypatch.setattr(module, "PROVIDERS", {name: watched(name) for name in few})
    report = make(tmp_path / "out")
    assert asked == list(few)
    assert {claim["id"].partition(".")[0] for claim in report["claims"]} >= {"assume", "worst-case"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == TOP_LEVEL
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_checker_needs_nothing_but_the_standard_library_and_is_short(folder: Path) -> None:
    standard = set(sys.stdlib_module_names)
    for name in (name for name in SHIPPED if name.endswith(".py")):
        text = (folder / name).read_text(encoding="utf-8")
        imports = [
            line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
        ]
        assert set(imports) <= standard
        assert len(text.splitlines()) < 400


def test_causes_that_changed_equally_many_decisions_stand_in_one_order_whichever_came_first() -> None:
    lines = [
        {"reasons": [{"cause": cause}], "intervention_kw": 1.0, "mode": "projected"}
        for cause in ("line-limit", "battery-limit")
    ]
    assert [row[0] for row in runtime._by_cause(lines).rows] == ["battery-limit", "line-limit"]
    assert runtime._by_cause(lines) == runtime._by_cause(lines[::-1])
