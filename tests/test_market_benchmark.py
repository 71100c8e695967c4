"""The market benchmark: rows, files, and a word when something is lost."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autonomy.benchmark import market
from autonomy.benchmark.market import market_tables, measure_batch, measure_books
from autonomy.cli import main
from autonomy.market import clear_book

QUICK: dict[str, Any] = {"calls": 6, "seed": 0, "overhead_s": 0.0}


def test_a_row_says_that_nothing_is_lost() -> None:
    row = measure_books(40, **QUICK)
    assert (row.call, row.lane, row.markets, row.orders) == ("clear_book", "machine code", 1, 40)
    assert (row.imbalance, row.gap) == (0.0, 0.0)
    assert row.is_exact
    assert 0.0 < row.p50_s <= row.p90_s
    assert row.orders_per_s == pytest.approx(40 / row.p50_s)
    cleared, paid = measure_batch(3, 5, **QUICK)
    assert (cleared.markets, cleared.orders, cleared.imbalance) == (3, 5, 0.0)
    assert paid.call == "payments"
    assert paid.is_exact
    assert measure_books(2500, **QUICK).lane == "NumPy"


def test_what_is_lost_is_not_exact_and_a_fault_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    row = measure_books(40, **QUICK)
    assert not replace(row, imbalance=1.0).is_exact
    assert not replace(row, gap=1.0).is_exact
    monkeypatch.setattr(market, "clear_book", lambda book: replace(clear_book(book), take=1))
    with pytest.raises(RuntimeError, match="money does not balance"):
        measure_books(40, **QUICK)


def test_the_table_has_a_line_a_row() -> None:
    rows = [measure_books(12, **QUICK), *measure_batch(2, 3, **QUICK)]
    (table,) = market_tables(rows)
    assert [line[0] for line in table.rows] == ["clear_book", "clear_many", "payments"]
    assert [line[-1] for line in table.rows] == ["0", "–", "–"]


def test_the_command_leaves_rows_and_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market, "BATCHES", ((2, 12),))
    words = ["benchmark", "market", "--sizes", "5,30", "--repeats", "4", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "Markets cleared" in capsys.readouterr().out
    with (tmp_path / "out" / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["call"], row["markets"], row["orders"]) for row in rows] == [
        ("clear_book", "1", "5"), ("clear_book", "1", "30"), ("clear_many", "2", "12"), ("payments", "2", "12"),
    ]  # fmt: skip
    document = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-market/1"
    assert all(row["calls"] == 4 and row["imbalance"] == 0 for row in document["rows"])
    monkeypatch.setattr(market.MarketRow, "is_exact", False)
    assert main(words) == 2
