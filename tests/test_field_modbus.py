"""Modbus/TCP with real servers: the register table, devices that are silent, stale or strangers, and their fallback."""

from __future__ import annotations

import asyncio
import json
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import Controller
from autonomy.errors import ConfigError
from autonomy.field.bridge import Bridge
from autonomy.field.mailbox import Mailbox
from autonomy.field.modbus import Device, ModbusAdapter, read_devices
from autonomy.field.registers import HEADER, LENGTH, TOLD_AT, UNKNOWN_16, UNKNOWN_32, read_measured, told_registers
from autonomy.layers.errors import ModelError
from autonomy.service.answer import Answer, answer_fields, as_json, community_fields
from tests.serving import PAIR, serving, station
from tests.test_field_mqtt import free_port

pytest.importorskip("pymodbus")
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

BASE = 40000


class Plant:
    """A device: a battery and a house, which obeys its registers and falls back by itself."""

    def __init__(self, demand_kw, soc):
        self.demand_kw, self.soc, self.pv_kw, self.battery_kw = demand_kw, soc, 0.0, 0.0
        self.age_s, self.is_measuring, self.heartbeat = 0, True, 0
        self.header = HEADER
        self.told = [0] * 16
        self.heard_s = None

    async def act(self, _function, start, _address, _count, registers, _values):
        first = BASE - start
        if self.is_measuring:
            self.heartbeat += 1
        values = [round(1e6 * x) for x in (self.demand_kw, self.pv_kw, self.soc, self.battery_kw)]
        words = struct.unpack(">10H", struct.pack(">4i2H", *values, self.age_s, self.heartbeat))
        registers[first : first + TOLD_AT] = [*self.header, *words]
        told = list(registers[first + TOLD_AT : first + TOLD_AT + 16])
        if told != self.told:
            self.told, self.heard_s = told, time.monotonic()

    def obeys(self):
        """Return battery, generation cap and load cap that hold now, kW; what is told is good for its time only."""
        words = struct.pack(">16H", *self.told)
        battery, _, _, generation, load, valid, _, safe_generation, safe_load = struct.unpack(">5i2H2i", words)
        if self.heard_s is None or time.monotonic() - self.heard_s > valid:
            battery, generation, load = 0, safe_generation, safe_load
        return tuple(None if x == UNKNOWN_32 else x / 1e6 for x in (battery, generation, load))


@asynccontextmanager
async def served(plant, port):
    data = SimData(BASE, count=40, values=0, datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(1, simdata=[data], action=plant.act), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield server
    finally:
        await server.shutdown()


class Local:
    """The service without HTTP."""

    def __init__(self):
        self._controller, self.seen = Controller(PAIR, policy="self-consumption"), []

    def step(self, seen):
        self.seen.append(seen)
        decision = self._controller.step({key: value for key, value in seen.items() if value is not None})
        return json.loads(as_json(answer_fields("pair", Answer(len(self.seen) - 1, decision, False, 0.0))))


def bridge(service, **ages):
    stop = Controller(PAIR, policy="grid-only", monitors=()).step({})
    about = json.loads(as_json(community_fields("pair", PAIR, stop)))
    return Bridge(service, about, Mailbox(PAIR.names, **{"max_age_s": 60.0, **ages}))


def pair_of(ports, **options):
    return [
        Device(prosumer=name, host="127.0.0.1", port=port, **options)
        for name, port in zip(PAIR.names, ports, strict=True)
    ]


async def look(adapter):
    """Have every plant look at what it was told: it does when it is asked for anything."""
    await asyncio.gather(*(adapter._ask(device, time.time()) for device in adapter._devices))


def test_measurements_are_read_and_decisions_written_to_the_milliwatt():
    async def play():
        plants, ports, service = (Plant(4.0, 0.5), Plant(3.0, 0.25)), (free_port(), free_port()), Local()
        async with served(plants[0], ports[0]), served(plants[1], ports[1]):
            adapter = ModbusAdapter(bridge(service), pair_of(ports), tariff=(0.3, 0.1))
            told = await adapter.step(time.time())
            assert not adapter.faults
            seen = service.seen[0]
            assert (seen["demand_kw"], seen["soc"], seen["pv_kw"]) == ([4.0, 3.0], [0.5, 0.25], [0.0, 0.0])
            assert (seen["retail_price"], seen["feed_in_price"]) == (0.3, 0.1)
            assert told["mode"] == "projected"
            for plant, name in zip(plants, PAIR.names, strict=True):
                await look(adapter)
                mine = told["prosumers"][name]
                battery, generation, load = plant.obeys()
                assert battery == pytest.approx(mine["battery_kw"], abs=1e-9)
                assert battery < 0
                assert mine["load_cap_kw"] - 1e-6 < load <= mine["load_cap_kw"] + 1e-9
                assert mine["generation_cap_kw"] - 1e-6 < generation <= mine["generation_cap_kw"] + 1e-9
            # A device that hears nothing more falls back to its safe caps by itself.
            plants[0].heard_s -= 1.5 * 3600 + 1
            assert plants[0].obeys() == (0.0, 3.0, 3.0)
            await adapter.close()

    asyncio.run(play())


def test_a_device_that_is_gone_costs_its_own_prosumer_and_is_asked_again():
    async def play():
        plants, ports, service = (Plant(4.0, 0.5), Plant(3.0, 0.5)), (free_port(), free_port()), Local()
        adapter = ModbusAdapter(bridge(service, max_age_s=30.0), pair_of(ports), tariff=(0.3, 0.1))
        async with served(plants[0], ports[0]):
            told = await adapter.step(time.time())
            assert set(adapter.faults) == {"right"}
            assert service.seen[-1]["soc"] == [0.5, None]
            assert told["prosumers"]["left"]["battery_kw"] < 0
            assert told["prosumers"]["right"]["battery_kw"] == 0.0
            async with served(plants[1], ports[1]):
                told = await adapter.step(time.time())
                assert not adapter.faults
                assert told["prosumers"]["right"]["battery_kw"] < 0
            # Gone again: what it measured is good for half a minute, and then not known.
            await adapter.step(time.time() + 20.0)
            assert service.seen[-1]["soc"] == [0.5, 0.5]
            await adapter.step(time.time() + 40.0)
            assert service.seen[-1]["soc"] == [0.5, None]
            await adapter.close()

    asyncio.run(play())


def test_what_is_old_by_its_age_or_by_its_heartbeat_is_not_known():
    async def play():
        plants, ports, service = (Plant(4.0, 0.5), Plant(3.0, 0.5)), (free_port(), free_port()), Local()
        async with served(plants[0], ports[0]), served(plants[1], ports[1]):
            adapter = ModbusAdapter(bridge(service, max_age_s=30.0), pair_of(ports))
            plants[0].age_s, now = 31, time.time()
            plants[1].is_measuring = False  # it answers, and says that its age is 0
            for later, soc in ((0.0, [None, 0.5]), (29.0, [None, 0.5]), (31.0, [None, None])):
                await adapter.step(now + later)
                assert service.seen[-1]["soc"] == soc, later
            plants[0].age_s, plants[1].is_measuring = UNKNOWN_16, True
            await adapter.step(now + 100.0)
            assert service.seen[-1]["soc"] == [None, 0.5]
            assert service.seen[-1]["retail_price"] is None
            await adapter.close()

    asyncio.run(play())


def test_nothing_is_written_to_a_stranger():
    async def play():
        plants, ports, service = (Plant(4.0, 0.5), Plant(3.0, 0.5)), (free_port(), free_port()), Local()
        plants[1].header = (*HEADER[:2], 103, 50)
        async with served(plants[0], ports[0]), served(plants[1], ports[1]):
            adapter = ModbusAdapter(bridge(service), pair_of(ports))
            await adapter.step(time.time())
            assert "model 64900" in adapter.faults["right"]
            await adapter.step(time.time())
            assert plants[1].told == [0] * 16
            assert plants[0].told != [0] * 16
            await adapter.close()
            wrong_place = ModbusAdapter(bridge(service), pair_of(ports, base=49990))
            await wrong_place.step(time.time())
            assert set(wrong_place.faults) == set(PAIR.names)
            await wrong_place.close()
            never_asked = ModbusAdapter(bridge(service), pair_of(ports))
            await look(adapter)
            told = plants[0].told
            await never_asked.close()
            await look(adapter)
            assert plants[0].told == told

    asyncio.run(play())


def test_who_leaves_in_order_leaves_the_dead_stop_behind():
    async def play():
        plant, other, ports = Plant(4.0, 0.5), Plant(3.0, 0.5), (free_port(), free_port())
        async with served(plant, ports[0]), served(other, ports[1]):
            adapter = ModbusAdapter(bridge(Local()), pair_of(ports))
            stop = asyncio.Event()
            running = asyncio.create_task(adapter.run(stop))
            await asyncio.sleep(0)
            while adapter.faults:
                await asyncio.sleep(0.02)
            await adapter.step(time.time())
            stop.set()
            await asyncio.wait_for(running, 20)
            reader = ModbusAdapter(bridge(Local()), pair_of(ports))
            await look(reader)
            assert plant.obeys() == (0.0, 3.0, 3.0)
            words = struct.pack(">16H", *plant.told)
            assert struct.unpack(">5i", words[:20])[1:3] == (UNKNOWN_32, UNKNOWN_32), "the caps say how much is cut"

    asyncio.run(play())


def test_the_command_reads_devices_and_tells_them_until_it_is_stopped(tmp_path):
    plants, ports = (Plant(4.0, 0.5), Plant(3.0, 0.5)), (free_port(), free_port())
    ready, done = threading.Event(), threading.Event()

    def field():
        async def play():
            async with served(plants[0], ports[0]), served(plants[1], ports[1]):
                ready.set()
                while not done.is_set():
                    await asyncio.sleep(0.02)

        asyncio.run(play())

    thread = threading.Thread(target=field)
    thread.start()
    assert ready.wait(20)
    rows = "".join(
        f'[[device]]\nprosumer = "{n}"\nhost = "127.0.0.1"\nport = {p}\n'
        for n, p in zip(PAIR.names, ports, strict=True)
    )
    (tmp_path / "devices.toml").write_text("retail_price = 0.3\nfeed_in_price = 0.1\n" + rows)
    try:
        with serving([station(tmp_path)]) as place:
            words = ["field", "modbus", str(tmp_path / "devices.toml"), "--service", f"http://127.0.0.1:{place.port}"]
            child = subprocess.Popen([sys.executable, "-m", "autonomy", *words], stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            assert "2 devices" in child.stdout.readline()
            end = time.monotonic() + 30
            while not plants[1].heartbeat and time.monotonic() < end:
                time.sleep(0.02)
            child.send_signal(signal.SIGTERM)
            assert child.wait(30) == 0
            child.stdout.close()
        assert plants[0].heartbeat
        assert plants[1].heartbeat
    finally:
        done.set()
        thread.join(20)


def test_unknown_values_are_unknown_and_the_table_is_as_long_as_it_says():
    words = struct.unpack(">10H", struct.pack(">4i2H", UNKNOWN_32, 5, 500_000, -1, UNKNOWN_16, 7))
    measured = read_measured([*HEADER, *words])
    assert measured.values == {"demand_kw": None, "pv_kw": 5e-6, "soc": 0.5, "applied_battery_kw": -1e-6}
    assert (measured.age_s, measured.heartbeat) == (None, 7)
    assert len(words) + len(told_registers(TOLD, valid_s=1, sequence=1, safe=(None, None))) == LENGTH


TOLD = {"battery_kw": -1.25, "curtail_kw": 0.0, "shed_kw": None, "generation_cap_kw": None, "load_cap_kw": 2.0}


@given(
    battery=st.integers(-(10**9), 10**9),
    caps=st.tuples(*[st.none() | st.floats(0, 1e6)] * 4),
    cut=st.floats(0, 1e3),
)
def test_set_points_in_whole_milliwatts_are_exact_caps_never_grow_and_cuts_never_shrink(battery, caps, cut):
    told = {
        "battery_kw": battery / 1e6,
        "curtail_kw": cut,
        "shed_kw": cut,
        "generation_cap_kw": caps[0],
        "load_cap_kw": caps[1],
    }
    words = told_registers(told, valid_s=1e9, sequence=65535, safe=caps[2:])
    found = struct.unpack(">5i2H2i", struct.pack(">16H", *words))
    assert found[0] == battery
    for raw in found[1:3]:
        assert cut - 1e-9 <= raw / 1e6 <= cut + 1e-6
    for raw, cap in zip((found[3], found[4], found[7], found[8]), caps, strict=True):
        if cap is None:
            assert raw == UNKNOWN_32
        else:
            assert raw / 1e6 <= cap + 1e-9
            assert raw == (1 << 31) - 1 or raw / 1e6 > cap - 1.1e-6
    assert found[5] == UNKNOWN_16 - 1


def test_what_does_not_fit_a_register_is_refused():
    with pytest.raises(ModelError, match=r"2147\.48 kW"):
        told_registers({**TOLD, "battery_kw": 2200.0}, valid_s=1, sequence=1, safe=(None, None))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "one \\[\\[device\\]\\] a prosumer"),
        ("[[device]]\nhost = 'a'", "prosumer: is missing"),
        ("[[device]]\nprosumer = 'left'\nhost = 3", "device\\[0\\].host: found 3; expected str"),
        ("[[device]]\nprosumer = 'left'\nhost = 'a'\nprot = 502", "did you mean 'port'"),
        ("retail_price = 0.3\n[[device]]\nprosumer = 'left'\nhost = 'a'", "it and feed_in_price, both"),
        ("[[device]", "cannot be read as TOML"),
    ],
)
def test_a_wrong_file_of_devices_is_refused(tmp_path, text, words):
    (tmp_path / "devices.toml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_devices(tmp_path / "devices.toml")


def test_devices_of_nobody_or_twice_of_somebody_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'left'"):
        ModbusAdapter(bridge(Local()), [Device(prosumer="lefft", host="a")])
    with pytest.raises(ConfigError, match="two devices"):
        ModbusAdapter(bridge(Local()), [Device(prosumer="left", host="a")] * 2)
