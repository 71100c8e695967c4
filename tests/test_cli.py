"""`autonomy run`: files and exit codes, every bad input named on stderr, and nothing left behind when it fails."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autonomy
from autonomy import Controller, Decision, Simulator
from autonomy.cli import main

ROOT = Path(__file__).resolve().parents[1]
COMMUNITY, DATA = ROOT / "examples" / "community.toml", ROOT / "examples" / "data.csv"
VILLAGE = ["run", "--community", str(COMMUNITY), "--data", str(DATA), "--from", "2024-06-03", "--to", "2024-06-04"]
DEMO_DAY = ["run", "--from", "2016-08-22", "--to", "2016-08-23"]


def quick(out: Path, *more: str) -> list[str]:
    """The example's first day under grid-only and self-consumption, without the optimum."""
    return [*VILLAGE, "--policy", "self-consumption", "--no-optimum", "--out", str(out), *more]


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# Runs -----------------------------------------------------------------------------------------------------------------


def test_a_day_of_the_demo_writes_report_summary_and_journals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([*DEMO_DAY, "--out", str(out)]) == 0
    policies = ["grid-only", "self-consumption", "time-of-use", "learned", "random", "adversarial"]
    assert names(tmp_path) == sorted(
        [
            "out",
            "out/journal",
            "out/report.html",
            "out/summary.json",
            *(f"out/journal/{name}.jsonl" for name in policies),
        ]
    )
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert [figures["policy"] for figures in summary["policies"]] == [*policies, "optimum"]
    assert summary["verdict"]["held"] is True
    assert summary["violations"] == []
    assert summary["command"] == f"autonomy {' '.join(DEMO_DAY)} --out {out}"
    assert summary["version"] == autonomy.__version__
    assert summary["windows"][0]["steps"] == 24
    for name in policies:
        lines = (out / "journal" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
        assert lines.pop() == ""
        assert [line["step"] for line in map(json.loads, lines) if "step" in line] == list(range(24))
    assert main(["verify", str(out)]) == 0
    printed = capsys.readouterr()
    assert "0 violations in 24 steps under each of 7 policies" in " ".join(printed.out.split())
    assert "17 prosumers, 1 window from" in printed.out
    assert f"report: {out / 'report.html'}\n" in printed.out
    assert printed.err == ""


def test_a_later_run_replaces_an_earlier_one_and_a_policy_may_be_a_file(tmp_path: Path) -> None:
    policy = tmp_path / "mine.py"
    policy.write_text("import numpy as np\ndef act(community, observation):\n    return np.zeros((5, 3))\n")
    out = tmp_path / "out"
    out.mkdir()  # an empty folder will do
    assert main(quick(out)) == 0
    assert "out/journal/self-consumption.jsonl" in names(tmp_path)
    assert main([*VILLAGE, "--policy", f"{policy}:act", "--no-optimum", "--out", str(out)]) == 0
    journals = [path.name for path in sorted((out / "journal").iterdir())]
    assert journals[0] == "grid-only.jsonl"
    assert len(journals) == 2
    assert journals[1].startswith("mine-")
    assert names(tmp_path)[0] == "mine.py"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["mine.py", "out"]


def test_a_terminal_that_knows_ascii_only_costs_nothing_and_the_default_folder_is_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    monkeypatch.chdir(tmp_path)
    words = quick(tmp_path)
    assert main(words[: words.index("--out")]) == 0
    assert b"0 violations" in raw.getvalue()
    assert [path.name for path in tmp_path.iterdir()] == ["autonomy-run"]


def test_a_broken_limit_exits_with_2_and_is_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = Controller.step

    def dishonest(controller: Controller, obs: Any) -> Decision:
        return replace(honest(controller, obs), battery_kw=np.array([-9.0, 0, 0, 0, 0]))

    monkeypatch.setattr(Controller, "step", dishonest)
    out = tmp_path / "out"
    assert main(quick(out)) == 2
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["verdict"]["held"] is False
    # 9 kW out of a battery of 5 kW, in each of 24 steps under both policies, among much else.
    assert sum(item["rule"] == "rate" for item in summary["violations"]) == 48
    assert all(figures["violations"] > 0 for figures in summary["policies"])
    assert "“rate” was broken 48 times" in " ".join(capsys.readouterr().out.split())


# Errors ---------------------------------------------------------------------------------------------------------------


def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """Run, expect exit code 1 and nothing new on the disk, and return what stderr said."""
    before = names(tmp_path)
    capsys.readouterr()
    assert main(words) == 1
    said = capsys.readouterr()
    assert [name for name in names(tmp_path) if "__pycache__" not in name] == before
    assert said.err.startswith("error ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.out + said.err
    return said.err.removeprefix("error ").removesuffix("\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "autonomy: the following arguments are required: command"),
        (["rnu"], "autonomy: argument command: invalid choice: 'rnu'"),
        (["run", "--polcy", "random"], "unrecognized arguments: --polcy random (did you mean '--policy'?)"),
        (["run", "--polcy=random"], "unrecognized arguments: --polcy=random (did you mean '--policy'?)"),
        (["run", "--xyzzy"], "autonomy: unrecognized arguments: --xyzzy"),
        (["run", "--policy"], "autonomy: argument --policy: expected one argument"),
        (["run", "--weeks", "some"], "autonomy: argument --weeks: invalid choice: 'some'"),
        (["run", "--weeks", "all", "--from", "2016-08-22"], "--weeks: chooses whole weeks"),
        (["run", "--time-zone", "UTC"], "--time-zone: is for the times of a --data file"),
        (["run", "--community", str(COMMUNITY)], "--community: needs --data FILE"),
        ([*DEMO_DAY, "--policy", "rndom"], "policy: no policy is called 'rndom' (did you mean 'random'?)"),
        ([*DEMO_DAY, "--policy", "none.zip"], "policy: no file 'none.zip'"),
        ([*DEMO_DAY, "--policy", "none.py:act"], "policy: no file 'none.py'"),
        ([*DEMO_DAY, "--backend", "exat"], "backend: no backend is called 'exat' (did you mean 'exact'?)"),
        (["run", "--from", "2016-08-05", "--to", "2016-08-04"], "--to: found '2016-08-04'; expected a time later than"),
        (["run", "--from", "2015-01-01"], "--from: found '2015-01-01'; expected a time from 2016-08-01T00:00 to"),
        (["run", "--to", "2030-01-01"], "--to: found '2030-01-01'; expected a time from 2016-08-01T00:00 to"),
        (["run", "--from", "monday"], "--from: found 'monday'; expected an ISO 8601 time"),
        (["run", "--community", "none.toml", "--data", str(DATA)], "none.toml: cannot be read"),
        (["run", "--data", "none.csv"], "none.csv"),
        (["run", "--data", str(DATA)], str(DATA)),
        ([*VILLAGE[:5], "--weeks", "held-out"], "has no held-out week; expected at least four weeks"),
        ([*VILLAGE, "--time-zone", "Nowhere/Land"], "Nowhere/Land"),
    ],
)
def test_a_bad_option_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    words = [*words, "--out", str(tmp_path / "out")] if words[:1] == ["run"] and words[-1] != "--policy" else words
    assert said in fails(tmp_path, capsys, words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[community\n", "is not valid TOML"),
        (COMMUNITY.read_text(encoding="utf-8").replace("timestep_h", "timestep", 1), "community.timestep: unknown key"),
        ("[[prosumer]]\nname = 'house-9'\n", "house-9"),
    ],
)
def test_a_bad_community_file_is_named_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "village.toml"
    path.write_text(text, encoding="utf-8")
    words = ["run", "--community", str(path), "--data", str(DATA), "--out", str(tmp_path / "out")]
    assert said in fails(tmp_path, capsys, words)


def test_a_fault_in_the_data_is_named_with_row_and_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = DATA.read_text(encoding="utf-8").split("\n")
    lines[4] = lines[4].replace(",", ",-", 1)
    path = tmp_path / "bad data [1].csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    words = ["run", "--community", str(COMMUNITY), "--data", str(path), "--out", str(tmp_path / "out")]
    assert fails(tmp_path, capsys, words).startswith(f"{path}, row 5, column 'demand_kw:house-1': ")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda out: out.write_text("a file"), "is a file; expected a folder"),
        (lambda out: (out / "letters").mkdir(parents=True), "has other files in it; choose a new folder"),
        (
            lambda out: (out.mkdir(), (out / "summary.json").touch(), (out / "mine").touch()),
            "has other files in it; choose a new folder",
        ),
        (lambda out: (out.mkdir(), (out / "report.html").touch()), "has other files in it; choose a new folder"),
    ],
)
def test_a_place_that_is_taken_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any, said: str
) -> None:
    out = tmp_path / "out"
    make(out)
    assert fails(tmp_path, capsys, quick(out)) == f"--out: {out} {said}"


def test_a_place_in_no_folder_or_around_the_working_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tmp_path / "none"
    assert fails(tmp_path, capsys, quick(parent / "out")) == f"--out: the folder {parent} does not exist"
    monkeypatch.chdir(tmp_path)
    assert fails(tmp_path, capsys, quick(Path())).startswith("--out: . is the working folder")


def test_a_policy_file_that_ends_the_program_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "quits.py"
    policy.write_text("import sys\nsys.exit(0)\n")
    words = [*VILLAGE, "--policy", f"{policy}:act", "--out", str(tmp_path / "out")]
    assert fails(tmp_path, capsys, words) == f"policy: {policy} raised SystemExit: 0"


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("stage", ["running", "reporting", "moving"])
def test_what_stops_a_run_leaves_the_earlier_one_and_nothing_else(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    fault: type[BaseException],
) -> None:
    out = tmp_path / "out"
    (out / "journal").mkdir(parents=True)
    (out / "summary.json").write_text("earlier")
    (out / "report.html").write_text("earlier")
    execute = Simulator.execute

    def stop(*_: Any, **__: Any) -> Any:
        raise fault("no space left")

    def stop_at_step_5(simulator: Simulator, decision: Decision, **options: Any) -> Any:
        return stop() if simulator.step_number == 5 else execute(simulator, decision, **options)

    if stage == "running":
        monkeypatch.setattr(Simulator, "execute", stop_at_step_5)
    elif stage == "reporting":
        monkeypatch.setattr("autonomy.report.write.html", stop)
    else:
        monkeypatch.setattr(shutil, "move", stop)
    before = names(tmp_path)
    assert main(quick(out)) == (130 if fault is KeyboardInterrupt else 1)
    said = capsys.readouterr().err
    assert said == ("interrupted nothing was written\n" if fault is KeyboardInterrupt else "error no space left\n")
    assert names(tmp_path) == before
    assert (out / "summary.json").read_text() == "earlier"


def test_version_and_help_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--version"], ["--help"], ["run", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert f"autonomy-stack {autonomy.__version__}" in printed
    assert "--no-optimum" in printed


def test_the_module_runs_as_a_program_and_a_usage_error_is_no_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autonomy", "run", "--polcy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error autonomy: unrecognized arguments: --polcy (did you mean '--policy'?)\n"
