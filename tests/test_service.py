"""The service, asked over real sockets: what it answers, what it refuses, and that data never make it fail."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Controller, Limits, Observation, cli
from autonomy.errors import ConfigError
from autonomy.journal.verify import verify
from autonomy.layers.observation import LIMIT_FIELDS, OBSERVATION_FIELDS
from autonomy.service.client import ServiceClient, ServiceError
from autonomy.service.settings import Settings
from autonomy.service.stations import configurations, stations
from tests.serving import JSON, PAIR, SEEN, samples_of, serving, station

pytest.importorskip("fastapi")
from autonomy.service.web.schema import (
    CommunityBody,
    DecisionBody,
    ForecastBody,
    LimitsBody,
    ObservationBody,
    RefusalBody,
)

POWERS = (
    "battery_kw",
    "trade_kw",
    "price_bid",
    "curtail_kw",
    "shed_kw",
    "net_export_kw",
    "generation_cap_kw",
    "load_cap_kw",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with serving(
        [station(tmp_path_factory.mktemp("journal"))], steps_per_s=1e6, body_s=0.3, body_bytes=20_000
    ) as found:
        yield found


def steps_so_far(place):
    return place.step(SEEN).told["step"]


def test_the_answers_are_those_of_the_controller_itself_to_the_last_bit(tmp_path):
    draw = np.random.default_rng(7)
    alone = Controller(PAIR, policy="self-consumption")
    with serving([station(tmp_path)]) as place:
        client = ServiceClient(f"http://127.0.0.1:{place.port}")
        for k in range(20):
            seen = Observation(
                demand_kw=draw.uniform(0, 5, 2),
                pv_kw=draw.uniform(0, 5, 2),
                soc=np.where(draw.random(2) < 0.2, np.nan, draw.random(2)),
                retail_price=0.3,
                feed_in_price=0.1,
                time=np.datetime64("2026-03-01T00:00") + np.timedelta64(k, "h"),
                limits=Limits(active=np.array([k % 3 > 0, True]), grid_import_limit_kw=4.0) if k % 2 else None,
            )
            expected, told = alone.step(seen), client.step(seen)
            assert told["step"] == k
            assert told["mode"] == expected.mode
            for name in POWERS:
                assert told[name] == [x if np.isfinite(x) else None for x in getattr(expected, name).tolist()]
            assert [reason["cause"] for reason in told["reasons"]] == [reason.cause for reason in expected.reasons]
        client.close()
    found = verify(tmp_path / "pair.jsonl")
    assert found.is_verified
    assert found.decisions == found.replayed == 20


def test_every_field_of_the_model_can_be_sent_and_no_other():
    assert tuple(ObservationBody.model_fields) == OBSERVATION_FIELDS
    assert tuple(LimitsBody.model_fields) == LIMIT_FIELDS
    powers, others = ("_kw", "_kg_per_kwh", "price"), ("_min", "_max", "_efficiency", "active", "_curtail", "_shed")
    units = (*powers, *others, "soc", "time", "forecast", "limits", "coverage")
    for body in (ObservationBody, LimitsBody, ForecastBody):
        assert all(name.endswith(units) for name in body.model_fields)


def test_a_meter_that_says_nothing_costs_its_prosumer_and_no_refusal(place):
    reply = place.step({**SEEN, "demand_kw": [4.0, None], "feeder_kw": None})
    assert reply.status == 200
    assert any(reason["prosumers"] == [1] for reason in reply.told["reasons"])
    assert place.step({**SEEN, "demand_kw": None}).told["mode"] == "dead-stop"
    assert place.step(json.dumps({**SEEN, "soc": [0.5, float("nan")]})).status == 200
    wrong_size = place.step({**SEEN, "soc": [0.5, 0.5, 0.5]})
    assert wrong_size.status == 200
    assert "field-shape" in [reason["cause"] for reason in wrong_size.told["reasons"]]


EMPTY = {name: [] for name in ForecastBody.model_fields}
REFUSED = [
    (b"", "", "''", "JSON"),
    (b'{"demand_kw": [1, 2', "", "demand_kw", "JSON (EOF"),
    (b"\xff\xfe", "", "ufffd", "JSON"),
    (b"[" * 3000, "", "[[[", "recursion"),
    (b"[]", "", "[]", "a JSON object"),
    (b"3", "", "3", "a JSON object"),
    ({**SEEN, "soc": "full"}, "soc", "'full'", "fraction"),
    ({**SEEN, "demand_kw": [1.0, "two"]}, "demand_kw[1]", "'two'", "a number or null: (N,) kW >= 0"),
    ({**SEEN, "pv_kw": [True, 1.0]}, "pv_kw[0]", "true", "kW"),
    ({**SEEN, "pv_kw": [[1.0], 1.0]}, "pv_kw[0]", "[1.0]", "kW"),
    ({**SEEN, "time": 3}, "time", "3", "ISO 8601"),
    ({**SEEN, "time": "x" * 65}, "time", "xxx", "ISO 8601"),
    ({**SEEN, "limits": [1]}, "limits", "[1]", "a JSON object"),
    ({**SEEN, "limits": {"soc_mix": 0.1}}, "limits.soc_mix", "0.1", "did you mean 'soc_min'?"),
    ({**SEEN, "limits": {"active": [1, True]}}, "limits.active[0]", "1", "true, false or null"),
    ({**SEEN, "demand_kW": 1.0}, "demand_kW", "1.0", "did you mean 'demand_kw'?"),
    ({**SEEN, "many": 1.0, "\n": 2}, "many", "1.0", "no such field"),
    ({k: v for k, v in SEEN.items() if k != "soc"}, "soc", "nothing", "null for what is not known"),
    ({**SEEN, "forecast": {"demand_kw": [[1.0], ["a"]]}}, "forecast.demand_kw[1][0]", "'a'", "kW"),
    (
        {**SEEN, "forecast": {**EMPTY, "coverage": 0.9, "pv_kw": [[1], [1, 2]]}},
        "forecast.pv_kw",
        "rows of different lengths",
        "(H, N)",
    ),
]


@pytest.mark.parametrize(("body", "field", "found", "expected"), REFUSED, ids=range(len(REFUSED)))
def test_a_wrong_body_is_refused_with_field_value_and_what_was_expected_and_makes_no_step(
    place, body, field, found, expected
):
    before = steps_so_far(place)
    reply = place.step(body)
    assert reply.status == 422
    told = RefusalBody.model_validate_json(reply.body)
    problem = {item.field: item for item in told.problems}[field]
    assert found in problem.found
    assert expected in problem.expected
    assert len(problem.found) <= 81
    assert steps_so_far(place) == before + 1


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NUMBERS = st.none() | st.floats() | st.integers(-(10**400), 10**400) | st.lists(st.none() | st.floats(), max_size=4)
CLOSE = st.fixed_dictionaries(
    dict.fromkeys(SEEN, NUMBERS),
    optional={
        "feeder_kw": st.none() | st.floats(),
        "applied_battery_kw": NUMBERS,
        "carbon_kg_per_kwh": NUMBERS,
        "time": st.none() | st.text(max_size=30) | st.datetimes().map(str),
        "limits": st.none() | st.dictionaries(st.sampled_from(LIMIT_FIELDS), NUMBERS | st.booleans()),
        "forecast": JSONS,
    },
)


@given(body=JSONS.map(json.dumps) | st.binary(max_size=40) | CLOSE.map(json.dumps))
@settings(max_examples=150)
def test_no_body_makes_the_service_fail(place, body):
    reply = place.step(body)
    assert reply.status in (200, 422)
    (DecisionBody if reply.status == 200 else RefusalBody).model_validate_json(reply.body)


def test_a_forecast_of_any_shape_gets_a_decision(place):
    rows = {name: [[1.0, None]] for name in ForecastBody.model_fields if name.endswith("_kw")}
    forecast = {**rows, "coverage": 0.9, "retail_price": [0.3, 0.2], "feed_in_price": []}
    assert place.step({**SEEN, "forecast": forecast}).status == 200


def test_what_is_too_large_too_slow_or_not_json_is_refused(place):
    assert place.step(b" " * 20_001).status == 413
    chunked = place.ask("POST", "/step", iter([b" " * 15_000, b" " * 15_000]), JSON)
    assert chunked.status == 413
    assert place.ask("POST", "/step", json.dumps(SEEN)).status == 415
    assert place.ask("POST", "/step", json.dumps(SEEN), {"Content-Type": "text/plain"}).status == 415
    with socket.create_connection(("127.0.0.1", place.port), timeout=10) as slow:
        head = "POST /step HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        slow.sendall(head.encode())
        assert b" 408 " in slow.recv(100)


def test_unknown_paths_and_methods_are_refused(place):
    assert place.ask("GET", "/nothing").status == 404
    assert place.ask("GET", "/step").status == 405
    assert "error" in place.ask("GET", "/nothing").told


def test_without_keys_only_this_machine_by_its_own_name_is_served(place):
    assert place.ask("GET", "/community", headers={"Host": f"localhost:{place.port}"}).status == 200
    assert place.ask("GET", "/community", headers={"Host": "elsewhere.example"}).status == 403
    assert place.ask("GET", "/health", headers={"Host": "elsewhere.example"}).status == 200


def test_the_community_says_what_devices_fall_back_to(place):
    told = CommunityBody.model_validate_json(place.ask("GET", "/community").body)
    assert told.prosumers == ["left", "right"]
    assert told.dead_stop.load_cap_kw == [3.0, 3.0]
    assert told.dead_stop.generation_cap_kw == [3.0, 3.0]


def test_the_last_decision_can_be_asked_for(tmp_path):
    with serving([station(tmp_path)]) as place:
        assert place.ask("GET", "/decision").status == 404
        answer = place.step(SEEN)
        assert place.ask("GET", "/decision").body == answer.body


def test_a_request_sent_again_gets_the_same_answer_and_makes_no_second_step(tmp_path):
    with serving([station(tmp_path)]) as place:
        first = place.step(SEEN, Idempotency_Key="a")
        assert place.step({**SEEN, "soc": [0.2, 0.2]}, Idempotency_Key="a").told["step"] == first.told["step"] == 0
        assert place.step(SEEN, Idempotency_Key="b").told["step"] == 1
        assert place.step(SEEN).told["step"] == 2


def test_the_metrics_count_answers_refusals_and_time(tmp_path):
    with serving([station(tmp_path)]) as place:
        modes = [place.step(SEEN).told["mode"] for _ in range(4)] + [place.step({**SEEN, "soc": None}).told["mode"]]
        place.step(b"{")
        reply = place.ask("GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples_of(reply.body.decode())
    for mode in set(modes):
        assert found[f'autonomy_answers_total{{community="pair",mode="{mode}"}}'] == modes.count(mode)
    assert found['autonomy_refused_total{community="pair",status="422"}'] == 1
    assert found['autonomy_answer_seconds_count{community="pair"}'] == 5
    assert found['autonomy_answer_seconds_bucket{community="pair",le="+Inf"}'] == 5
    buckets = [value for name, value in found.items() if "_bucket" in name]
    assert buckets == sorted(buckets)
    assert 0 < found['autonomy_answer_seconds_sum{community="pair"}'] < 60


def test_the_client_says_why_there_is_no_decision(place):
    client = ServiceClient(f"http://127.0.0.1:{place.port}/")
    with pytest.raises(ServiceError, match=r"demand_kw\[0\]: found 'x', expected a number") as caught:
        client.step({**SEEN, "demand_kw": ["x", 1.0]})
    assert caught.value.status == 422
    assert client.community()["n_prosumers"] == 2
    unknown = client.step({"demand_kw": None})
    assert (unknown["mode"], unknown["reasons"][0]["cause"]) == ("dead-stop", "field-missing"), (
        "as the controller itself"
    )
    with pytest.raises(ServiceError) as caught:
        ServiceClient("http://127.0.0.1:9", timeout_s=1).community()
    assert caught.value.status == 0
    with pytest.raises(ConfigError, match="expected one as in"):
        ServiceClient("ftp://here")


def test_communities_have_the_names_of_their_files():
    example = Path(__file__).resolve().parent.parent / "examples" / "community.toml"
    assert list(configurations([])) == ["demo"]
    assert list(configurations([example])) == ["community"]
    with pytest.raises(ConfigError, match="two files are called 'community'"):
        configurations([example, example])


@pytest.mark.parametrize(
    "wrong", [{"port": -1}, {"deadline_s": 0.0}, {"deadline_s": float("nan")}, {"body_bytes": 0}, {"steps_per_s": 0.0}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)


SLEEPY = """
import time
def policy(community, observation):
    time.sleep(0.0 if observation.demand_kw[0] < 1.0 else 9.0)
    return [[0.0, 0.0, 0.2]] * community.n_prosumers
"""


def test_a_policy_may_take_half_of_the_deadline_and_then_the_ladder_answers_without_it(tmp_path):
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    options = Settings(deadline_s=3.0, fsync="never")
    made = stations(configurations([]), policy=f"{tmp_path / 'sleepy.py'}:policy", settings=options, folder=tmp_path)
    with serving(list(made.values())) as place:
        quick = place.step({**SEEN, "demand_kw": 0.5, "pv_kw": 0.0, "soc": 0.5}).told
        assert (quick["step"], quick["mode"], quick["is_late"]) == (0, "policy", False)
        late = place.step({**SEEN, "demand_kw": 1.5, "pv_kw": 0.0, "soc": 0.5}).told
        assert (late["step"], late["mode"], late["is_late"]) == (1, "support", False)
        assert "policy-late" in [reason["cause"] for reason in late["reasons"]]
        assert 1500 <= late["answered_in_ms"] < 3000
    assert verify(tmp_path / "demo.jsonl").is_verified


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--fsync", "sometimes"], "expected always, daily, never or a number"),
        (["--port", "70000"], "a TCP port"),
        (["--deadline", "0"], "seconds > 0"),
        (["--community", "missing.toml"], "missing.toml"),
        (["--policy", "self-consumtion"], "did you mean 'self-consumption'"),
        (["--keys", "missing.toml"], "no file of keys"),
        (["--prot", "8080"], "did you mean '--port'"),
    ],
)
def test_wrong_options_are_errors_that_say_what_was_expected(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["serve", "--journal", "journal", *words]) == cli.EXIT_ERROR
    assert told in capsys.readouterr().err


def test_without_the_extra_the_command_says_which_one_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "autonomy.service.web.server", None)
    assert cli.main(["serve"]) == cli.EXIT_ERROR
    assert "autonomy-stack[service]" in capsys.readouterr().err


def test_observations_that_come_at_once_are_decided_one_after_the_other_in_the_journals_order(tmp_path):
    answers = []

    def ask(place, draw):
        client = ServiceClient(f"http://127.0.0.1:{place.port}")
        seen = ({**SEEN, "soc": draw.uniform(0.1, 1.0, 2), "demand_kw": draw.uniform(0, 5, 2)} for _ in range(10))
        answers.extend(map(client.step, seen))
        client.close()

    with serving([station(tmp_path, deadline_s=20.0)]) as place:
        threads = [threading.Thread(target=ask, args=(place, np.random.default_rng(k))) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    by_step = {answer["step"]: answer["battery_kw"] for answer in answers}
    assert sorted(by_step) == list(range(80))
    lines = [json.loads(line) for line in (tmp_path / "pair.jsonl").read_text().splitlines()]
    decided = [line for line in lines if "decided" in line]
    assert [line["decided"]["battery_kw"] for line in decided] == [by_step[k] for k in range(80)]
    assert verify(tmp_path / "pair.jsonl").is_verified


def test_a_client_goes_on_when_the_service_was_started_again(tmp_path):
    with serving([station(tmp_path)]) as place:
        client = ServiceClient(f"http://127.0.0.1:{place.port}")
        assert client.step(SEEN)["step"] == 0
    with pytest.raises(ServiceError, match="not reached"):
        client.step(SEEN)
    with serving([station(tmp_path)], port=place.port):
        assert client.step(SEEN)["step"] == 1
    client.close()
