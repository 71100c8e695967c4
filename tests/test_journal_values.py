"""What a journal keeps of anything a host may send, and that it comes back the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from autonomy import Community, Scenario, Simulator
from autonomy.journal.line import decode_answer, dumps, encode_answer
from autonomy.journal.observed import decode_observation, encode_observation
from autonomy.journal.values import Shown, decode, encode
from autonomy.layers.intent import read_answer
from tests.journals import ANSWERS, VALUES


def numbers_of(value: Any) -> Any:
    """Return what the layers make of a value, or why they do not."""
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as fault:
        return type(fault).__name__ if type(value) in (str, int) else "none"
    return array.shape, array.tobytes()


@given(VALUES)
@settings(max_examples=300)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_value_comes_back_as_the_layers_read_it_and_is_written_the_same_again(value: Any) -> None:
    written = dumps(encode(value))
    again = decode(json.loads(written))
    assert dumps(encode(again)) == written
    with np.errstate(invalid="ignore"):
        assert numbers_of(again) == numbers_of(value)
    if isinstance(value, np.ndarray) and type(value) is np.ndarray and value.dtype.kind in "fiub":
        assert (again.dtype, again.shape, again.flags.c_contiguous) == (
            value.dtype, value.shape, value.flags.c_contiguous,
        )  # fmt: skip


class Meter:
    """What a host's own object may look like."""

    def __float__(self) -> float:
        return 1.5


def test_an_object_of_the_hosts_own_is_kept_by_its_name_and_its_numbers() -> None:
    plain, meter = decode(json.loads(dumps(encode(object())))), decode(json.loads(dumps(encode(Meter()))))
    assert isinstance(plain, Shown)
    assert type(plain).__name__ == "object"
    assert type(meter).__name__ == "Meter"
    assert float(np.asarray(meter, dtype=np.float64)) == 1.5


def test_a_mapping_that_cannot_be_read_is_written_as_that() -> None:
    class Broken(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            raise OSError("the meter bus is down")

    code = encode_observation(Broken(), with_forecast=False)
    assert code == {"unreadable": "OSError: the meter bus is down"}
    assert encode_observation(decode_observation(code), with_forecast=False) == code


def test_a_forecast_is_kept_as_its_digest_unless_decisions_depend_on_it() -> None:
    scenario = Scenario.demo().window(0, 4)
    given = vars(Simulator(Community.demo(), scenario).observe())
    short = encode_observation(given, with_forecast=False)["forecast"]
    assert set(short) == {"digest"}
    back = decode_observation({"forecast": short})
    assert encode_observation(back, with_forecast=False)["forecast"] == short
    full = json.loads(dumps(encode_observation(given, with_forecast=True)))["forecast"]
    again = decode_observation({"forecast": full})["forecast"]
    np.testing.assert_array_equal(again.demand_high_kw, given["forecast"].demand_high_kw)
    with pytest.raises(ValueError, match="unknown tag"):
        decode({"spell": 1})
    with pytest.raises(ValueError, match="no field"):
        decode_observation({"humidity": 1})


def read_of(answer: Any) -> bool | None:
    """Return whether an answer can be used, None where it cannot even be described."""
    try:
        return read_answer(answer, 2).intent is not None
    except (TypeError, ValueError):
        return None


@given(ANSWERS)
@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_an_answer_is_written_the_same_after_it_came_back(answer: Any) -> None:
    code = json.loads(dumps(encode_answer(answer)))
    again = decode_answer(code)
    assert dumps(encode_answer(again)) == dumps(code)
    assert read_of(again) == read_of(answer)
