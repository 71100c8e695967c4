"""The benchmark of projections: what the tables and files say, and the commands."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autonomy.benchmark.machine import processor_name
from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.picture import spread
from autonomy.benchmark.projection import Results, instances_at
from autonomy.benchmark.row import Outcome, Row
from autonomy.benchmark.step import PARTS, measure_step
from autonomy.benchmark.table import latency, quality, tables, times
from autonomy.benchmark.write import write_rows
from autonomy.cli import main
from autonomy.solvers.backends import BACKENDS
from tests.cases import MACHINE, Lying, asked, row


def test_the_picture_names_are_moved_apart_no_more_than_needed() -> None:
    assert spread(np.array([0.1, 0.5]), 0.1).tolist() == [0.1, 0.5]
    assert spread(np.array([0.5, 0.5, 0.5]), 0.1) == pytest.approx([0.4, 0.5, 0.6])
    assert spread(np.array([0.0, 0.52, 0.54]), 0.1) == pytest.approx([0.0, 0.48, 0.58])


def test_fewer_instances_are_drawn_where_they_are_large() -> None:
    assert [instances_at(n) for n in (4, 1_000, 10_000, 1_000_000)] == [8, 8, 4, 2]


def test_the_processor_is_named_as_the_kernel_names_it(tmp_path: Path) -> None:
    source = tmp_path / "cpuinfo"
    source.write_text("processor\t: 0\nmodel name\t: Abacus 9\nmodel name\t: Abacus 9\n")
    assert processor_name(source) == "Abacus 9"
    assert processor_name(tmp_path / "none") != ""
    assert MACHINE.cores >= 1
    assert MACHINE.versions["numpy"] == np.__version__


def test_a_latency_is_the_slowest_regimes_and_is_marked_when_answers_were_wrong() -> None:
    fast, slow = row(charged_p50_s=1e-6, judged=9, right=9), row(charged_p50_s=2e-3, judged=9, right=9)
    assert latency([fast, slow]) == "2.00 ms"
    assert latency([fast, replace(slow, right=8)]) == "2.00 ms†"
    assert latency([fast, row(outcome=Outcome.TIME_LIMIT, charged_p50_s=5.0)]) == "5.00 s†"
    assert latency([row(outcome=Outcome.NOT_RUN)]) == "–"
    assert latency([row(outcome=Outcome.NOT_INSTALLED)]) == "not installed"
    assert times([np.nan, 1234.5, 99.6]) == "100×"
    assert times([0.123]) == "0.12×"
    assert times([]) == "–"


def test_who_declines_quickly_gets_no_ratio() -> None:
    declined = row(charged_p50_s=5.0, judged=9, hot_ratio=0.5, interleaved_ratio=0.5, interleaved_p50_s=1e-6)
    results = Results(
        command="", date="", version="", machine=MACHINE, settings=asked(topologies=("tree",)), rows=(declined,)
    )
    assert [table.rows[0][1] for table in tables(results)[:4]] == ["5.00 s†", "–", "–", "–"]


def test_the_table_of_answers_counts_everything_that_was_left_out() -> None:
    lied = row(judged=9, claimed=9, right=7, lies=2, violation_kw=0.5, gap=1e-3, setup_s=0.002)
    table = quality([lied, row(outcome=Outcome.TIME_LIMIT), row(outcome=Outcome.NOT_RUN)])
    assert table.rows == (("m", "9", "9", "7", "2", "5e-01", "1e-03", "2.00 ms", "1", "1"),)


def test_files_hold_every_figure_and_nothing_instead_of_what_is_not_finite(tmp_path: Path) -> None:
    rows = [row(hot_p50_s=1.5e-6, message='says "no", twice'), row(method="other", gap=float("inf"))]
    write_rows(tmp_path, "form/1", rows, {"command": "autonomy benchmark"})
    lines = list(csv.DictReader((tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()))
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == lines[0]["schema"] == "form/1"
    assert document["command"] == "autonomy benchmark"
    assert float(lines[0]["hot_p50_s"]) == document["rows"][0]["hot_p50_s"] == 1.5e-6
    assert lines[0]["message"] == 'says "no", twice'
    assert (lines[1]["gap"], document["rows"][1]["gap"]) == ("", None)
    assert document["rows"][0]["outcome"] == "ran"
    assert set(lines[0]) == {"schema", *Row.__dataclass_fields__}


def test_a_wrong_exact_answer_makes_the_results_unsafe_and_a_wrong_peer_does_not() -> None:
    fine = row(method=EXACT, judged=9, right=9)
    settings_ = asked()

    def unsafe(*rows: Row) -> int:
        results = Results(command="", date="", version="", machine=MACHINE, settings=settings_, rows=rows)
        assert len(tables(results)) >= 6
        return len(results.unsafe)

    assert unsafe(fine, row(judged=9, right=0, lies=9)) == 0
    assert unsafe(fine, row(method=EXACT, judged=9, right=8)) == 1
    assert unsafe(fine, row(method=EXACT, outcome=Outcome.FAILED)) == 1


# The controller's step ------------------------------------------------------------------------------------------------


def test_a_step_is_measured_whole_and_in_parts() -> None:
    found = measure_step("self-consumption", "tree", 5, steps=12, seed=3, overhead_s=0.0)
    parts = [getattr(found, f"{name}_s") for name in PARTS]
    assert all(part > 0 for part in parts)
    assert found.rest_s == pytest.approx(found.p50_s - sum(parts))
    assert found.p50_s <= found.p99_s
    assert found.alone_s > 0
    assert (found.steps, found.n, found.lines, found.fallbacks) == (12, 5, 5, 0)


# The command ----------------------------------------------------------------------------------------------------------

SMALL = ["benchmark", "projection", "--quick", "--sizes", "24", "--regimes", "shed", "--backends", "clip,exact,daqp"]


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autonomy.benchmark.bandwidth.triad_bytes_per_s", lambda *_: 1e10)


@pytest.mark.usefixtures("calm")
def test_the_command_prints_tables_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("an earlier benchmark, which may be replaced")
    words = [*SMALL, "--seed", "5", "--out", str(out)]
    assert main(words) == 0
    written = {"results.csv", "results.json", "results.md", "latency.svg", "latency.png"}
    assert {path.name for path in out.iterdir()} == written
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-projection/1"
    assert document["command"] == f"autonomy {' '.join(words)}"
    assert document["machine"]["triad_bytes_per_s"] == 1e10
    assert document["settings"]["seed"] == 5
    assert [item["method"] for item in document["rows"]] == ["clip", "exact", "daqp", "exact-batch"]
    assert [item["right"] for item in document["rows"]] == [0, 9, 9, 100]
    assert (out / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert "daqp" in (out / "latency.svg").read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert "Latency in a tight loop, feeder" in printed
    assert f"results: {out}\n" in printed
    page = (out / "results.md").read_text(encoding="utf-8")
    assert "| method | 24 |\n| --- | ---: |\n| clip | " in page
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("calm")
def test_a_wrong_exact_backend_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(BACKENDS, EXACT, Lying)
    assert main([*SMALL[:-1], "clip,exact", "--out", str(tmp_path / "out")]) == 2
    assert "no certified answer" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("calm")
def test_the_step_command_prints_tables_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["benchmark", "step", "--sizes", "3", "--repeats", "5", "--out", str(out)]) == 0
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-step/2"
    assert [item["policy"] for item in document["rows"]] == ["grid-only", "self-consumption", "time-of-use"]
    assert {path.name for path in out.iterdir()} == {"results.csv", "results.json", "results.md"}
    assert "One step of the controller" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["benchmark"], "autonomy: the following arguments are required: part"),
        (["benchmark", "projektion"], "invalid choice: 'projektion'"),
        ([*SMALL, "--regime", "slack", "--sead", "1"], "(did you mean '--seed'?)"),
        ([*SMALL, "--sizes", "4,many"], "--sizes: found 'many'; expected whole numbers >= 1, as in 4,24,1000"),
        ([*SMALL, "--sizes", "0"], "--sizes: found '0'"),
        ([*SMALL, "--regimes", "slak"], "--regimes: 'slak' is not known (did you mean 'slack'?); known: slack"),
        ([*SMALL, "--topology", "feder"], "--topology: 'feder' is not known (did you mean 'feeder'?)"),
        ([*SMALL, "--backends", "exakt"], "--backends: 'exakt' is not known (did you mean 'exact'?)"),
        ([*SMALL, "--backends", ","], "--backends: is empty"),
        ([*SMALL, "--time-limit", "0"], "--time-limit: found 0; expected a number > 0"),
        ([*SMALL, "--time-limit", "nan"], "--time-limit: found nan; expected a number > 0"),
        ([*SMALL, "--repeats", "0"], "--repeats: found 0; expected a number >= 1"),
        ([*SMALL, "--seed", "-1"], "--seed: found -1; expected a number >= 0"),
        (["benchmark", "step", "--policies", "gridonly"], "(did you mean 'grid-only'?)"),
    ],
)
def test_a_bad_option_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    place = ["--out", str(tmp_path / "out")] if len(words) > 2 else []
    assert main([*words, *place]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("error ")
    assert said in " ".join(printed.err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letters").touch()
    assert main([*SMALL, "--out", str(tmp_path / "out")]) == 1
    assert "has other files in it; choose a new folder" in " ".join(capsys.readouterr().err.split())
