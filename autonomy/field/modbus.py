"""Modbus/TCP: reads what devices measure and writes what they are to do. The only place that imports pymodbus."""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autonomy.errors import ConfigError, OptionalDependencyError, did_you_mean
from autonomy.field.bridge import Bridge
from autonomy.field.registers import MEASURED, TOLD_AT, Measured, read_measured, told_registers
from autonomy.layers.errors import ModelError

TIMEOUT_S = 2.0
"""Seconds that a device may take to answer; all devices are asked at the same time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """Where a prosumer's device is.

    Attributes:
        prosumer: Whose it is.
        host: Name or address.
        port: TCP port.
        unit: Unit identifier behind that address.
        base: Address of the table's first register, counted from 0.
    """

    prosumer: str
    host: str
    port: int = 502
    unit: int = 1
    base: int = 40000


class ModbusAdapter:
    """Tells devices what the service decides. A device that does not answer costs its own prosumer only.

    Args:
        bridge: Who decides.
        devices: One a prosumer; prosumers without one are never measured.
        tariff: Retail and feed-in price, currency/kWh, which devices do not know; None for unknown prices.

    Raises:
        ConfigError: a device is of nobody, or two are of the same prosumer.
        OptionalDependencyError: pymodbus is not installed.
    """

    def __init__(self, bridge: Bridge, devices: Sequence[Device], *, tariff: tuple[float, float] | None = None) -> None:
        try:
            from pymodbus.client import AsyncModbusTcpClient  # noqa: PLC0415 - the extra `field`
        except ImportError:
            raise OptionalDependencyError("Modbus", "field") from None
        owners = [device.prosumer for device in devices]
        for name in owners:
            if name not in bridge.prosumers:
                hint = did_you_mean(name, bridge.prosumers)
                raise ConfigError("device", "prosumer", f"{name!r} is no prosumer of {bridge.community!r}{hint}")
        if len(set(owners)) < len(owners):
            raise ConfigError("device", "prosumer", "two devices are of the same prosumer")
        self._bridge, self._devices, self._tariff = bridge, tuple(devices), tariff
        self._client_of, self._clients = AsyncModbusTcpClient, dict[str, Any]()
        self._beats: dict[str, tuple[int, float]] = {}
        self._sequence = 0
        self.faults = dict.fromkeys(owners, "it was not asked yet")

    async def step(self, now_s: float) -> dict[str, Any]:
        """Ask every device, decide, tell every device, and return what they are told.

        Args:
            now_s: s since 1970.
        """
        await self._ask_all(now_s)
        if self._tariff is not None:
            for name, price in zip(("retail_price", "feed_in_price"), self._tariff, strict=True):
                self._bridge.mailbox.put(name, "", price, now_s)
        told = await asyncio.to_thread(self._bridge.decide, now_s)
        await self.tell(told)
        return told

    async def tell(self, told: Mapping[str, Any]) -> None:
        """Write to every device what it is to do."""
        self._sequence = self._sequence % 0xFFFE + 1
        await asyncio.gather(*(self._write(device, told["prosumers"][device.prosumer]) for device in self._devices))

    async def run(self, stop: asyncio.Event) -> None:
        """Step at every step of the wall clock until `stop` is set; before the first and in the end, the dead stop."""
        step_s = self._bridge.step_s
        await self._ask_all(time.time())
        await self.tell(self._bridge.dead_stop("no step was decided yet", time.time()))
        try:
            while True:
                try:
                    await asyncio.wait_for(stop.wait(), step_s - time.time() % step_s)
                    return
                except TimeoutError:
                    await self.step(time.time())
        finally:
            await self.close()

    async def close(self) -> None:
        """Tell the devices the dead stop and hang up."""
        await self.tell(self._bridge.dead_stop("the controller was stopped", time.time()))
        for client in self._clients.values():
            client.close()

    async def _ask_all(self, now_s: float) -> None:
        await asyncio.gather(*(self._ask(device, now_s) for device in self._devices))

    async def _ask(self, device: Device, now_s: float) -> None:
        """Put into the mailbox what a device measured, and when; nothing where it does not answer."""
        try:
            client = await self._connected(device)
            reply = await client.read_holding_registers(device.base, count=MEASURED, device_id=device.unit)
            if reply.isError():
                raise ModelError("registers", str(reply), f"{MEASURED} holding registers from {device.base} on")
            self._keep(device.prosumer, read_measured(reply.registers), now_s)
        except Exception as fault:  # noqa: BLE001 - a device may answer anything; it costs its own prosumer only
            self.faults[device.prosumer] = f"{type(fault).__name__}: {fault}"
        else:
            self.faults.pop(device.prosumer, None)

    def _keep(self, prosumer: str, measured: Measured, now_s: float) -> None:
        """Believe a device's own age, but a heartbeat that stands still more: what answers may not measure."""
        beat, since_s = self._beats.get(prosumer, (None, now_s))
        if beat != measured.heartbeat:
            since_s = now_s
            self._beats[prosumer] = measured.heartbeat, now_s
        if measured.age_s is None:
            return
        for field, value in measured.values.items():
            self._bridge.mailbox.put(field, prosumer, value, min(now_s - measured.age_s, since_s))

    async def _write(self, device: Device, told: Mapping[str, Any]) -> None:
        """Write all registers in one request, so that no device sees half a decision."""
        if device.prosumer in self.faults:
            return  # not a device with this table, or not there: nothing is written blindly
        safe = self._bridge.safe_caps(device.prosumer)
        words = told_registers(told, valid_s=self._bridge.valid_s, sequence=self._sequence, safe=safe)
        try:
            client = await self._connected(device)
            reply = await client.write_registers(device.base + TOLD_AT, words, device_id=device.unit)
            if reply.isError():
                raise ModelError("registers", str(reply), f"room for {len(words)} from {device.base + TOLD_AT} on")
        except Exception as fault:  # noqa: BLE001 - as above; the device falls back by itself
            self.faults[device.prosumer] = f"{type(fault).__name__}: {fault}"

    async def _connected(self, device: Device) -> Any:
        client = self._clients.get(device.prosumer)
        if client is None:
            # It is this adapter that connects again, once a step: what is sent later is what is true then.
            client = self._client_of(device.host, port=device.port, timeout=TIMEOUT_S, retries=0, reconnect_delay=0)
            self._clients[device.prosumer] = client
        if not client.connected and not await client.connect():
            raise ConnectionError(f"no device at {device.host}:{device.port}")
        return client


def read_devices(path: Path) -> tuple[tuple[Device, ...], tuple[float, float] | None]:
    """Return the devices of a TOML file, and its tariff if it has one.

    Raises:
        ConfigError: the file cannot be read; a key is unknown, missing or of the wrong type.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(path, "", f"cannot be read as TOML ({fault})") from None
    rows = document.get("device")
    if not isinstance(rows, list) or not rows:
        raise ConfigError(path, "device", "expected one [[device]] a prosumer")
    kinds: dict[str, type] = {"prosumer": str, "host": str, "port": int, "unit": int, "base": int}
    devices = []
    for k, row in enumerate(rows):
        for key, value in row.items():
            if key not in kinds:
                raise ConfigError(path, f"device[{k}].{key}", f"no such key{did_you_mean(key, kinds)}")
            if type(value) is not kinds[key]:
                raise ConfigError(path, f"device[{k}].{key}", f"found {value!r}; expected {kinds[key].__name__}")
        for key in ("prosumer", "host"):
            if key not in row:
                raise ConfigError(path, f"device[{k}].{key}", "is missing")
        devices.append(Device(**row))
    prices = [document.get(name) for name in ("retail_price", "feed_in_price")]
    if all(price is None for price in prices):
        return tuple(devices), None
    retail, feed_in = prices
    if not isinstance(retail, int | float) or not isinstance(feed_in, int | float):
        raise ConfigError(path, "retail_price", "expected it and feed_in_price, both in currency/kWh, or neither")
    return tuple(devices), (float(retail), float(feed_in))
