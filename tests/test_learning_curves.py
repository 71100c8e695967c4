"""Trainings side by side: a folder or a sweep, in one picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from autonomy.learning import curve
from autonomy.learning.curves import Line, lines_of, main

ROWS = [{"cpu_s": 5.0, "score": 0.8}, {"cpu_s": 10.5, "score": 0.95}]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for place in ("one", "sweep/seed=0", "sweep/seed=1"):
        (tmp_path / place).mkdir(parents=True)
        curve.write_table(ROWS, tmp_path / place)
    return tmp_path


def test_a_training_is_a_line_and_a_sweep_is_several(folders: Path) -> None:
    assert lines_of(folders / "one") == [Line((5.0, 10.5), (0.8, 0.95))]
    assert lines_of(folders / "sweep") == lines_of(folders / "one") * 2


def test_both_pictures_are_drawn_the_same_each_time(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"ppo={folders / 'sweep'}", f"gradient={folders / 'one'}", "--out"]
    assert main([*words, str(folders / "first")]) == main([*words, str(folders / "second")]) == 0
    first, second = ((folders / f"{name}.svg").read_text(encoding="utf-8") for name in ("first", "second"))
    assert first == second
    assert first.count(">ppo<") == first.count(">gradient<") == 1
    assert (folders / "first.png").read_bytes().startswith(b"\x89PNG")
    assert "ppo: 95.00 % in 10 s, 95.00 % in 10 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("ppo", "expected a name and a folder"),
        ("ppo={}/nowhere", "no curve.csv"),
        ("ppo={}/wrong", "expected columns cpu_s and score"),
        ("ppo={}/empty", "no validation"),
    ],
)
def test_what_is_no_training_is_refused(
    folders: Path, words: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in {"wrong": "cpu_s,score\n1,high\n", "empty": "cpu_s,score\n"}.items():
        (folders / name).mkdir()
        (folders / name / "curve.csv").write_text(text)
    assert main([words.format(folders), "--out", str(folders / "picture")]) == 1
    assert fault in capsys.readouterr().err
    assert not (folders / "picture.svg").exists()
