"""`autonomy report` as a command: own data, exit codes, and folders that are somebody else's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autonomy.cli import main
from autonomy.safety.build import TOP_LEVEL

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
OWN = ["report", "--community", str(EXAMPLES / "community.toml"), "--data", str(EXAMPLES / "data.csv")]
RULE = ["--policy", "self-consumption"]
SHORT = [*OWN, "--from", "2024-06-05", "--to", "2024-06-06", "--policy", "time-of-use"]


def test_a_report_on_own_data_is_made_verified_and_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "safety"
    assert main([*SHORT, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("as promised: ")
    assert f"check it again: autonomy verify {out}" in said.out
    assert "[2/" in said.err
    assert {path.name for path in out.iterdir()} == TOP_LEVEL
    report = json.loads((out / "report.json").read_bytes())
    assert report["title"] == "Example village"
    assert "--policy time-of-use" in report["command"]
    assert main(["verify", str(out), "--no-replay"]) == 0
    assert main([*OWN, "--from", "2024-06-05T12:00", "--to", "2024-06-06", *RULE, "--out", str(out)]) == 0
    assert json.loads((out / "report.json").read_bytes())["policy"] == "self-consumption"
    assert [path.name for path in tmp_path.iterdir()] == ["safety"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--policy", "self-consumptoin"], "self-consumption"),
        (["--from", "yesterday"], "--from"),
        (["--from", "2024-06-05", "--to", "1999-01-01"], "--to"),
        (["--out", "/no/such/place/at/all"], "does not exist"),
    ],
)
def test_wrong_options_cost_no_minutes(
    words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = [] if "--out" in words else ["--out", str(tmp_path / "safety")]
    assert main([*OWN, *words, *out]) == 1
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "diary.txt").write_text("mine", encoding="utf-8")
    assert main([*SHORT, "--out", str(tmp_path)]) == 1
    assert "has other files in it" in capsys.readouterr().err
    assert (tmp_path / "diary.txt").read_text(encoding="utf-8") == "mine"
