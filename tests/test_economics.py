"""Prices: checked one by one, read from a file, and each in its place in the cost."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from autonomy.economics import Economics, read_economics
from autonomy.errors import ConfigError, ModelError

NAMES = [item.name for item in fields(Economics)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "0.1", True, None, [0.1]])
def test_a_price_that_is_no_finite_number_from_zero_up_is_named(name: str, value: Any) -> None:
    if value is None and name == "terminal_price_per_kwh":
        assert Economics(terminal_price_per_kwh=None).terminal_price_per_kwh is None
        return
    with pytest.raises(ModelError, match=f"^{name} = .*expected a finite number >= 0") as caught:
        Economics(**{name: value})
    assert caught.value.field == name


@pytest.mark.parametrize("name", NAMES)
def test_every_price_may_be_zero_and_of_any_type_of_number(name: str) -> None:
    numbers: tuple[Any, ...] = (0, 0.25, np.float64(0.25), np.int64(3))
    for value in numbers:
        if name == "cycle_exponent" and value < 1:
            with pytest.raises(ModelError, match=r"cycle_exponent = .*expected a number >= 1"):
                Economics(cycle_exponent=value)
        else:
            assert getattr(Economics(**{name: value}), name) == value


def test_a_file_gives_some_prices_and_leaves_the_others() -> None:
    read = read_economics("a.toml", {"economics": {"wear_per_kwh": 2, "terminal_price_per_kwh": 0.3}})
    assert (read.wear_per_kwh, read.terminal_price_per_kwh) == (2.0, 0.3)
    assert read.carbon_price_per_kg == Economics().carbon_price_per_kg
    assert read_economics("a.toml", {}) == Economics()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"wear_per_kw": 1}, "a.toml: economics.wear_per_kw: unknown key (did you mean 'wear_per_kwh'?)"),
        ({"wear_per_kwh": "1"}, "a.toml: economics.wear_per_kwh: found '1'; expected a number"),
        ({"wear_per_kwh": True}, "a.toml: economics.wear_per_kwh: found True; expected a number"),
        ({"wear_per_kwh": -1}, "a.toml: economics.wear_per_kwh: found -1.0; expected a finite number >= 0"),
        ({"shed_weight": np.nan}, "a.toml: economics.shed_weight: found nan; expected a finite number >= 0"),
        (3, "a.toml: economics: expected a table, found 3"),
    ],
)
def test_a_wrong_key_of_a_file_is_named(table: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_economics("a.toml", {"economics": table})
    assert str(caught.value).startswith(said)
