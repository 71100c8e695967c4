"""A service that really listens, for tests: in a thread of this process, or as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from autonomy import Community, Controller, Network
from autonomy.service.keys import Keyring
from autonomy.service.settings import Settings
from autonomy.service.station import Station

PAIR = Community(
    battery_capacity_kwh=10.0,
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    ramp_limit_kw=2.0,
    soc_min=0.1,
    network=Network.single_feeder(n_prosumers=2, import_limit_kw=6.0, export_limit_kw=6.0),
    names=("left", "right"),
)
SEEN: dict[str, Any] = {
    "demand_kw": [4.0, 3.0],
    "pv_kw": [0.0, 0.5],
    "soc": [0.5, 0.5],
    "retail_price": 0.3,
    "feed_in_price": 0.1,
}
JSON = {"Content-Type": "application/json"}


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


class Place:
    """Where a service listens."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def step(self, seen: Any, **headers: str) -> Reply:
        body = seen if isinstance(seen, bytes | str) else json.dumps(seen)
        return self.ask("POST", "/step", body, {**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}})


def station(folder: Path, name: str = "pair", **options: Any) -> Station:
    options = {"fsync": "never", "deadline_s": 5.0, "clock": time.monotonic, **options}
    controller = options.pop("controller", None) or Controller(PAIR, policy=options.pop("policy", "self-consumption"))
    return Station(name, controller, path=folder / f"{name}.jsonl", **options)


@contextmanager
def serving(stations: list[Station], keys: dict[str, str] | None = None, **settings: Any) -> Iterator[Place]:
    """Serve stations from a thread until the block ends; journals are closed then."""
    from autonomy.service.web.server import Server  # noqa: PLC0415 - needs the extra

    faults: list[Any] = []
    served = {item.name: item for item in stations}
    server = Server(
        Settings(**{"port": 0, **settings}), served, Keyring(keys or {}), closed=lambda *fault: faults.append(fault)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield wait_for(Place(server.port))
    finally:
        server.stop()
        thread.join(30)
    assert not thread.is_alive()
    assert not faults


def wait_for(place: Place, seconds: float = 60.0) -> Place:
    end = time.monotonic() + seconds
    while True:
        try:
            assert place.ask("GET", "/health").status == 200
            return place
        except ConnectionError:
            assert time.monotonic() < end, "the service does not answer"
            time.sleep(0.02)


@contextmanager
def process(*words: str) -> Iterator[tuple[subprocess.Popen[str], Place]]:
    """Run `autonomy serve` as a process of its own; kill it in the end if it still runs."""
    command = [sys.executable, "-m", "autonomy", "serve", "--port", "0", *words]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"})
    try:
        assert child.stdout is not None
        first = child.stdout.readline()
        found = re.search(r"at http://[^ ]*:(\d+)/", first)
        assert found, first
        yield child, wait_for(Place(int(found[1])))
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def samples_of(text):
    """Read Prometheus' text format, strictly; return name with labels -> value."""
    found, kinds = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="[^"\\\n]*",?)+\}) ([-+0-9.e]+)', line)
            assert match, line
            base = re.sub(r"_(bucket|sum|count)$", "", match[1])
            assert match[1] in kinds or kinds[base] == "histogram"
            found[match[1] + match[2]] = float(match[3])
    return found
