"""MQTT: measurements in, decisions out, and a last will that is the dead stop. The only place that imports paho.

    BASE/COMMUNITY/measured/PROSUMER/FIELD   in    3.2, or {"value": 3.2, "time": "2026-06-01T12:00:00Z"}
    BASE/COMMUNITY/measured/FIELD            in    the same, for prices and the feeder
    BASE/COMMUNITY/decision                  out   JSON, retained, QoS 1; also the last will

There is one topic for everything that devices are told, because a broker keeps one last will a connection: whoever
obeys the topic obeys the caps of the dead stop as soon as this adapter is gone, however it went.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autonomy.errors import ConfigError, OptionalDependencyError
from autonomy.field.bridge import Bridge
from autonomy.layers.errors import ModelError

KEEPALIVE_S = 15
"""Seconds without a word after which the broker, at one and a half times as many, sends the last will."""
LONGEST_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where the broker is.

    Attributes:
        host: Name or address.
        port: TCP port, 8883 where it speaks TLS as a rule.
        base: First part of every topic.
        username: None where the broker asks for none.
        password: Likewise.
        ca_file: Certificates that TLS trusts; None for no TLS.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    base: str = "autonomy"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None


class MqttAdapter:
    """Tells devices what the service decides. It connects again by itself, for as long as it takes.

    Args:
        bridge: Who decides.
        broker: Where.
        keepalive_s: See `KEEPALIVE_S`.

    Raises:
        ConfigError: a name cannot be part of a topic.
        OptionalDependencyError: paho-mqtt is not installed.
    """

    def __init__(self, bridge: Bridge, broker: Broker, *, keepalive_s: int = KEEPALIVE_S) -> None:
        try:
            from paho.mqtt.client import Client  # noqa: PLC0415 - the extra `field`
            from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415
        except ImportError:
            raise OptionalDependencyError("MQTT", "field") from None
        for name in (bridge.community, *bridge.prosumers):
            if set(name) & set("/+#\0"):
                raise ConfigError(
                    "prosumer", "", f"found the name {name!r}; MQTT topics cannot have /, + and # in names"
                )
        self._bridge = bridge
        self._place = f"{broker.base}/{bridge.community}"
        self._said: dict[str, Any] | None = None
        self._greeted = threading.Event()
        self.ignored = 0
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"autonomy-{bridge.community}")
        will = bridge.dead_stop("the connection to the controller was lost", None)
        self._client.will_set(self.topic, json.dumps(will), qos=1, retain=True)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.ca_file is not None:
            self._client.tls_set(ca_certs=str(broker.ca_file))
        self._client.reconnect_delay_set(min_delay=1, max_delay=30)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.connect_async(broker.host, broker.port, keepalive=keepalive_s)

    @property
    def topic(self) -> str:
        """Where devices are told what to do."""
        return f"{self._place}/decision"

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there."""
        return self._client.is_connected()

    def start(self, seconds: float = 0.0) -> bool:
        """Connect, and go on connecting, in a thread; return whether it is connected after so many seconds at most."""
        self._client.loop_start()
        return self._greeted.wait(seconds)

    def step(self, now_s: float) -> dict[str, Any]:
        """Decide once, tell the devices, and return what they are told.

        Args:
            now_s: s since 1970.
        """
        told = self._bridge.decide(now_s)
        self._tell(told)
        return told

    def run(self, stop: threading.Event) -> None:
        """Decide at every step until `stop` is set; before the first and in the end, the dead stop."""
        self._tell(self._bridge.dead_stop("no step was decided yet", time.time()))
        try:
            self._bridge.run(self._tell, stop)
        finally:
            self.close()

    def close(self) -> None:
        """Tell the devices the dead stop and disconnect; a broker sends no last will for who leaves in order."""
        self._said = self._bridge.dead_stop("the controller was stopped", time.time())
        if self.is_connected:
            sent = self._client.publish(self.topic, json.dumps(self._said), qos=1, retain=True)
            sent.wait_for_publish(LONGEST_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _tell(self, told: dict[str, Any]) -> None:
        self._said = told
        # What cannot be sent now is not queued: an old decision must not arrive late and before the new one.
        if self.is_connected:
            self._client.publish(self.topic, json.dumps(told), qos=1, retain=True)

    def _connected(self, client: Any, _data: Any, _flags: Any, failure: Any, _properties: Any) -> None:
        """Listen, and put what still holds in the place of the last will."""
        if failure.is_failure:
            return
        client.subscribe(f"{self._place}/measured/#", qos=1)
        said = self._said
        if said is not None and time.time() <= (said["until_s"] or 0.0):
            client.publish(self.topic, json.dumps(said), qos=1, retain=True)
        self._greeted.set()

    def _heard(self, _client: Any, _data: Any, message: Any) -> None:
        """Keep a measurement. What is retained and does not say its time may be of any age, and is ignored."""
        parts = message.topic.removeprefix(f"{self._place}/measured/").split("/")
        prosumer, field = ("", parts[0]) if len(parts) == 1 else (parts[0], "/".join(parts[1:]))
        try:
            value, measured_s = read_payload(bytes(message.payload), time.time())
            if message.retain and measured_s is None:
                raise ModelError("payload", "a retained value", "one with a time")
            self._bridge.mailbox.put(field, prosumer, value, time.time() if measured_s is None else measured_s)
        except ModelError:
            self.ignored += 1


def read_payload(payload: bytes, now_s: float) -> tuple[float | None, float | None]:
    """Return the value of a message, and when it was measured in s since 1970, None where it does not say.

    What is no number is None, a meter that does not know, and so is a value whose time cannot be read.

    Args:
        payload: A number, or a JSON object with `value` and perhaps `time`, ISO 8601 with an offset or s since 1970.
        now_s: s since 1970.
    """
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(told, dict):
        return _number(told), None
    value, stamp = _number(told.get("value")), told.get("time")
    if stamp is None:
        return value, None
    seconds = _number(stamp)
    if seconds is not None:
        return value, seconds
    try:
        moment = datetime.fromisoformat(stamp)
    except (TypeError, ValueError):
        return None, now_s
    return (value, moment.timestamp()) if moment.utcoffset() is not None else (None, now_s)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
