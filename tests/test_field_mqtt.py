"""MQTT with a real broker: measurements in, decisions out, old data, lost connections, and the last will."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.errors import ConfigError
from autonomy.field.bridge import Bridge
from autonomy.field.mailbox import CLOCK_ERROR_S, OF_ALL, OF_PROSUMER, PRICES, Mailbox
from autonomy.field.mqtt import Broker, MqttAdapter, read_payload
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import OBSERVATION_FIELDS
from autonomy.service.client import ServiceClient, ServiceError
from tests.serving import SEEN, serving, station

pytest.importorskip("fastapi")
mqtt = pytest.importorskip("paho.mqtt.client")
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def mosquitto(folder, port, *, anonymous="true", extra=""):
    text = f"listener {port} 127.0.0.1\nallow_anonymous {anonymous}\n{extra}"
    (folder / "mosquitto.conf").write_text(text)
    child = subprocess.Popen([MOSQUITTO, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    try:
        until(lambda: reaches(port))
        yield child
    finally:
        child.kill()
        child.wait()


def reaches(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def until(true, seconds=30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


class Device:
    """Something in the field: sends what it measures, and keeps what it is told."""

    def __init__(self, port):
        self.told, self.retained = [], []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._heard
        self._client.on_connect = lambda client, *_: client.subscribe("autonomy/pair/decision", qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        until(self._client.is_connected)

    def _heard(self, _client, _data, message):
        self.told.append(json.loads(message.payload))
        self.retained.append(message.retain)

    def say(self, place, value, *, retain=False):
        text = value if isinstance(value, str | bytes) else json.dumps(value)
        self._client.publish(f"autonomy/pair/measured/{place}", text, qos=1, retain=retain).wait_for_publish(10)

    def say_all(self):
        for k, name in enumerate(("left", "right")):
            for field in ("demand_kw", "pv_kw", "soc"):
                self.say(f"{name}/{field}", SEEN[field][k])
        for field in ("retail_price", "feed_in_price"):
            self.say(field, SEEN[field])

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def bridge_to(place, **ages):
    client = ServiceClient(f"http://127.0.0.1:{place.port}")
    about = client.community()
    return Bridge(client, about, Mailbox(about["prosumers"], **{"max_age_s": 60.0, **ages}))


@pytest.fixture
def field(tmp_path):
    """Return an adapter, a device, the service's place and the broker's port, all connected."""
    port = free_port()
    with mosquitto(tmp_path, port), serving([station(tmp_path)]) as place:
        adapter, device = MqttAdapter(bridge_to(place), Broker(port=port)), Device(port)
        assert adapter.start(30)
        time.sleep(0.1)  # its subscription
        yield adapter, device, place, port
        device.close()
        adapter.close()


@needs_broker
def test_measurements_become_decisions_and_each_device_is_told_its_own(field):
    adapter, device, place, _ = field
    device.say_all()
    until(lambda: adapter._bridge.mailbox.observation(time.time())["feed_in_price"] is not None)
    adapter.step(time.time())
    until(lambda: device.told)
    decision = place.ask("GET", "/decision").told
    told = device.told[-1]
    assert (told["mode"], told["step"]) == (decision["mode"], 0)
    for k, name in enumerate(("left", "right")):
        mine = told["prosumers"][name]
        assert mine == {key: decision[key][k] for key in mine}
        assert mine["battery_kw"] < 0
    assert told["until_s"] - told["time_s"] == pytest.approx(1.5 * 3600)


@needs_broker
def test_a_meter_that_is_silent_for_too_long_costs_its_own_prosumer_only(field):
    adapter, device, _place, _ = field
    device.say_all()
    old = datetime.fromtimestamp(time.time() - 61.0, UTC).isoformat()
    device.say("right/soc", {"value": 0.5, "time": old})  # older than what is there: not taken for news
    until(lambda: adapter._bridge.mailbox.observation(time.time())["feed_in_price"] is not None)
    told = adapter.step(time.time())
    assert told["mode"] == "projected"
    assert all(told["prosumers"][name]["battery_kw"] < 0 for name in ("left", "right"))
    later = time.time() + 50.0
    device.say("left/demand_kw", {"value": 4.0, "time": time.time() + 1.0})
    device.say("left/pv_kw", {"value": 0.0, "time": time.time() + 1.0})
    device.say("left/soc", {"value": 0.5, "time": time.time() + 1.0})
    time.sleep(0.2)
    told = adapter.step(later + 10.6)
    assert told["prosumers"]["right"]["battery_kw"] == 0.0
    assert told["prosumers"]["left"]["battery_kw"] < 0
    assert any("not finite" in reason for reason in told["reasons"])


@needs_broker
def test_a_retained_measurement_counts_only_with_its_time(field):
    adapter, device, _place, port = field
    device.say("left/soc", 0.9, retain=True)
    device.say("right/soc", {"value": 0.8, "time": time.time()}, retain=True)
    adapter.close()
    late = MqttAdapter(Bridge(adapter._bridge._service, about(adapter), fresh(adapter)), Broker(port=port))
    late.start()
    until(lambda: late.ignored == 1)
    until(lambda: late._bridge.mailbox.observation(time.time())["soc"] == [None, 0.8])
    late.close()
    device.say("left/soc", b"", retain=True)
    device.say("right/soc", b"", retain=True)


def about(adapter):
    bridge = adapter._bridge
    return {
        "community": bridge.community,
        "prosumers": bridge.prosumers,
        "timestep_h": 1.0,
        "dead_stop": bridge._caps,
    }


def fresh(adapter):
    return Mailbox(adapter._bridge.prosumers, max_age_s=60.0)


@needs_broker
def test_without_the_service_devices_are_told_the_dead_stop(tmp_path):
    port = free_port()
    with mosquitto(tmp_path, port):
        device = Device(port)
        with serving([station(tmp_path)]) as place:
            adapter = MqttAdapter(bridge_to(place), Broker(port=port))
            assert adapter.start(30)
        adapter.step(time.time())
        until(lambda: device.told)
        told = device.told[-1]
        assert told["mode"] == "dead-stop"
        assert "not reached" in told["reasons"][0]
        assert told["prosumers"]["left"] == {
            "battery_kw": 0.0, "curtail_kw": None, "shed_kw": None, "generation_cap_kw": 3.0, "load_cap_kw": 3.0,
        }  # fmt: skip
        adapter.close()
        device.close()


@needs_broker
def test_a_broker_that_comes_back_is_told_what_still_holds(tmp_path):
    port = free_port()
    with serving([station(tmp_path)]) as place:
        adapter = MqttAdapter(bridge_to(place), Broker(port=port))
        adapter.start()  # before there is a broker
        adapter.step(time.time())
        for k in range(2):
            with mosquitto(tmp_path, port):
                until(lambda: adapter.is_connected)
                device = Device(port)
                until(lambda: device.told)  # noqa: B023 - used at once
                assert device.told[-1]["step"] == k, device.told[-1]["reasons"]
                device.say("left/soc", 0.25 + k / 4)
                until(lambda: adapter._bridge.mailbox.observation(time.time())["soc"][0] == 0.25 + k / 4)  # noqa: B023
                device.close()
            until(lambda: not adapter.is_connected)
            adapter.step(time.time())
        adapter.close()


ADAPTER = """
import sys, time
sys.path.insert(0, {root!r})
from tests.test_field_mqtt import *
class Place: port = {service}
adapter = MqttAdapter(bridge_to(Place), Broker(port={port}))
adapter.start(30)
adapter.step(time.time())
time.sleep(60)
"""


@needs_broker
def test_when_the_adapter_is_killed_the_broker_tells_the_dead_stop_also_to_who_comes_later(tmp_path):
    port = free_port()
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    with mosquitto(tmp_path, port), serving([station(tmp_path)]) as place:
        device = Device(port)
        code = ADAPTER.format(root=root, service=place.port, port=port)
        child = subprocess.Popen([sys.executable, "-c", code])
        until(lambda: device.told, 60)
        assert device.told[-1]["step"] == 0
        child.kill()
        child.wait()
        until(lambda: len(device.told) == 2)
        later = Device(port)
        until(lambda: later.told)
        assert later.retained == [True]
        for will in (device.told[-1], later.told[-1]):
            assert (will["mode"], will["step"], will["until_s"]) == ("dead-stop", None, None)
            assert will["reasons"] == ["the connection to the controller was lost"]
            assert [will["prosumers"][name]["load_cap_kw"] for name in ("left", "right")] == [3.0, 3.0]
        device.close()
        later.close()


@needs_broker
def test_who_leaves_in_order_leaves_the_dead_stop_behind(field):
    adapter, device, _place, port = field
    adapter.step(time.time())
    adapter.close()
    until(lambda: len(device.told) == 2)
    assert device.told[-1]["reasons"] == ["the controller was stopped"]
    later = Device(port)
    until(lambda: later.told)
    assert later.told[-1]["mode"] == "dead-stop"
    later.close()


@needs_broker
def test_the_command_connects_service_and_broker_until_it_is_stopped(tmp_path):
    port = free_port()
    with mosquitto(tmp_path, port), serving([station(tmp_path)]) as place:
        device = Device(port)
        words = ["field", "mqtt", "--service", f"http://127.0.0.1:{place.port}", "--port", str(port), "--max-age", "30"]
        child = subprocess.Popen([sys.executable, "-m", "autonomy", *words], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert "pair" in child.stdout.readline()
        until(lambda: device.told)
        assert device.told[-1]["reasons"] == ["no step was decided yet"]
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
        until(lambda: len(device.told) == 2)
        assert device.told[-1]["reasons"] == ["the controller was stopped"]
        device.close()
        child.stdout.close()


def test_everything_that_an_observation_needs_can_be_measured():
    assert set(OF_PROSUMER + OF_ALL) == set(OBSERVATION_FIELDS) - {"time", "forecast", "limits"}
    assert set(PRICES) < set(OF_ALL)


def test_what_is_too_old_or_of_the_future_is_not_known():
    box = Mailbox(["a", "b"], max_age_s=10.0, price_age_s=100.0)
    box.put("soc", "a", 0.5, 1000.0)
    box.put("retail_price", "", 0.3, 1000.0)
    for now, soc, price in ((1000.0, 0.5, 0.3), (1010.0, 0.5, 0.3), (1010.1, None, 0.3), (1100.1, None, None)):
        seen = box.observation(now)
        assert (seen["soc"], seen["retail_price"]) == ([soc, None], price)
    assert box.observation(1000.0 - CLOCK_ERROR_S)["soc"][0] == 0.5
    assert box.observation(999.9 - CLOCK_ERROR_S)["soc"][0] is None
    assert box.observation(1000.0)["applied_battery_kw"] is None, "nobody measures it: it was not given"


def test_an_older_value_does_not_replace_a_newer_one_and_what_is_no_number_is_not_known():
    box = Mailbox(["a"], max_age_s=10.0)
    box.put("soc", "a", 0.5, 1000.0)
    box.put("soc", "a", 0.1, 999.0)
    assert box.observation(1001.0)["soc"] == [0.5]
    box.put("soc", "a", float("nan"), 1001.0)
    assert box.observation(1001.0)["soc"] == [None]


@pytest.mark.parametrize(
    ("field_", "prosumer", "words"),
    [
        ("demand_kW", "a", "did you mean 'demand_kw'"),
        ("soc", "aa", "a name of the community"),
        ("soc", "", "one of feeder_kw"),
    ],
)
def test_what_nobody_measures_is_refused(field_, prosumer, words):
    with pytest.raises(ModelError, match=words):
        Mailbox(["a"], max_age_s=1.0).put(field_, prosumer, 1.0, 0.0)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"3.25", (3.25, None)),
        (b'{"value": 1, "time": "1970-01-01T00:01:00Z"}', (1.0, 60.0)),
        (b'{"value": 1, "time": "1970-01-01T02:01:00+02:00"}', (1.0, 60.0)),
        (b'{"value": 1, "time": 60}', (1.0, 60.0)),
        (b'{"value": 1, "time": "1970-01-01T00:01:00"}', (None, 9.0)),
        (b'{"value": 1, "time": "noon"}', (None, 9.0)),
        (b'{"value": 1, "time": [1]}', (None, 9.0)),
        (b'{"value": "1"}', (None, None)),
        (b"true", (None, None)),
        (b"", (None, None)),
        (b"\xff", (None, None)),
        (b"[" * 5000, (None, None)),
        (b"1" + b"0" * 400, (None, None)),
    ],
)
def test_payloads_are_numbers_with_or_without_a_time_and_anything_else_is_not_known(payload, expected):
    assert read_payload(payload, 9.0) == expected


CAPS = {"generation_cap_kw": [None], "load_cap_kw": [1.0]}
ALONE = {"community": "a", "prosumers": ["x"], "timestep_h": 1.0, "dead_stop": CAPS}


def test_names_that_cannot_be_topics_are_refused():
    named = {**ALONE, "prosumers": ["left/right"]}
    with pytest.raises(ConfigError, match="left/right"):
        MqttAdapter(Bridge(None, named, Mailbox(["left/right"], max_age_s=1.0)), Broker())


def test_a_bridge_without_its_service_tells_why():
    class Gone:
        def step(self, _seen):
            raise ServiceError(0, "refused")

    named = {**ALONE, "timestep_h": 0.25}
    told = Bridge(Gone(), named, Mailbox(["x"], max_age_s=1.0)).decide(100.0)
    assert told["mode"] == "dead-stop"
    assert told["until_s"] == 100.0 + 1.5 * 900.0
    assert told["prosumers"]["x"]["load_cap_kw"] == 1.0
    assert told["prosumers"]["x"]["generation_cap_kw"] is None


OPENSSL, PASSWD = shutil.which("openssl"), shutil.which("mosquitto_passwd")


@needs_broker
@pytest.mark.skipif(OPENSSL is None or PASSWD is None, reason="needs openssl and mosquitto_passwd")
def test_a_broker_with_tls_and_passwords_lets_in_who_knows_them(tmp_path):
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "ca.pem"]
    subprocess.run([OPENSSL, *words], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([PASSWD, "-c", "-b", "users", "meter", "right"], cwd=tmp_path, check=True, capture_output=True)
    for name in ("users", "key.pem"):
        (tmp_path / name).chmod(0o644)  # mosquitto gives up being root before it reads them
    tmp_path.chmod(0o755)
    port, files = free_port(), tmp_path
    extra = f"password_file {files}/users\ncertfile {files}/ca.pem\nkeyfile {files}/key.pem\nuser root\n"
    with mosquitto(tmp_path, port, anonymous="false", extra=extra), serving([station(tmp_path)]) as place:
        for password, ca, lets_in in (("right", "ca.pem", True), ("wrong", "ca.pem", False), ("right", None, False)):
            ca_file = tmp_path / ca if ca else None
            broker = Broker(port=port, username="meter", password=password, ca_file=ca_file)
            adapter = MqttAdapter(bridge_to(place), broker)
            assert adapter.start(20.0 if lets_in else 1.5) is lets_in
            adapter.close()


class Said(NamedTuple):
    topic: str
    payload: bytes
    retain: bool


PARTS = st.lists(
    st.sampled_from(["left", "right", "soc", "demand_kw", "retail_price", "", "x/y", "é"]) | st.text(), max_size=4
)


@given(
    parts=PARTS,
    payload=st.binary(max_size=20) | st.floats().map(lambda x: json.dumps(x).encode()),
    retain=st.booleans(),
)
def test_no_message_stops_the_adapter(parts, payload, retain):
    caps = {"generation_cap_kw": [1.0, 1.0], "load_cap_kw": [1.0, 1.0]}
    named = {**ALONE, "community": "pair", "prosumers": ["left", "right"], "dead_stop": caps}
    adapter = MqttAdapter(Bridge(None, named, Mailbox(["left", "right"], max_age_s=1.0)), Broker())
    adapter._heard(None, None, Said("autonomy/pair/measured/" + "/".join(parts), payload, retain))
    seen = adapter._bridge.mailbox.observation(time.time())
    assert adapter.ignored == 1 or "/".join(parts).split("/")[-1] in (*OF_PROSUMER, *OF_ALL)
    assert all(value is None or isfinite(value) for value in seen["soc"])
