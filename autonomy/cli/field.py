"""`autonomy field`: devices that speak MQTT or Modbus, told what a service decides."""

from __future__ import annotations

import argparse
import asyncio
import signal
import threading
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from autonomy.cli.arguments import EXIT_OK, Commands, Parser
from autonomy.errors import ConfigError
from autonomy.field.bridge import Bridge
from autonomy.field.mailbox import Mailbox
from autonomy.service.client import ServiceClient


def add_command(commands: Commands) -> None:
    """Add `autonomy field` and its protocols to the command line."""
    top = commands.add_parser("field", help="tell devices that speak MQTT or Modbus what a service decides")
    parts = top.add_subparsers(title="protocols", dest="part", required=True, parser_class=Parser)
    job = parts.add_parser(
        "mqtt",
        help="measurements and decisions as MQTT topics",
        description="Hand measurements from an MQTT broker to a service at every step and publish what it decides. The "
        "last will is the dead stop. Needs the extra [field].",
    )
    _add_service(job)
    job.add_argument("--broker", metavar="HOST", default="127.0.0.1", help="default: 127.0.0.1")
    job.add_argument("--port", metavar="N", type=int, default=1883, help="default: 1883")
    job.add_argument("--base", metavar="TOPIC", default="autonomy", help="first part of all topics; default: autonomy")
    job.add_argument("--login", metavar="FILE", type=Path, help='TOML: username = "…", password = "…"')
    job.add_argument("--ca", metavar="FILE", type=Path, help="speak TLS, and trust these certificates")
    job.set_defaults(carry_out=mqtt_command)
    job = parts.add_parser(
        "modbus",
        help="devices with the register table of docs/field-protocols.md, over TCP",
        description="Read what devices measure at every step, hand it to a service, and write what it decides. Devices "
        "fall back to safe caps by themselves. Needs the extra [field].",
    )
    job.add_argument("devices", metavar="FILE", type=Path, help="TOML: one [[device]] a prosumer, and the tariff")
    _add_service(job)
    job.set_defaults(carry_out=modbus_command)


def _add_service(job: Parser) -> None:
    job.add_argument("--service", metavar="URL", default="http://127.0.0.1:8080", help="default: http://127.0.0.1:8080")
    job.add_argument(
        "--key", metavar="FILE", type=Path, help="file of keys, as autonomy serve makes it, with one key in it"
    )
    job.add_argument("--max-age", metavar="S", type=float, help="measurements older are not used; default: one step")


def mqtt_command(options: argparse.Namespace, _words: Sequence[str]) -> int:
    """Carry out `autonomy field mqtt`; see `add_command` for the options."""
    from autonomy.field.mqtt import LONGEST_S, Broker, MqttAdapter  # noqa: PLC0415 - only when needed

    login: dict[str, Any] = {} if options.login is None else _read(options.login)
    bridge = _bridge(options)
    broker = Broker(
        host=options.broker,
        port=options.port,
        base=options.base,
        username=login.get("username"),
        password=login.get("password"),
        ca_file=options.ca,
    )
    adapter = MqttAdapter(bridge, broker)
    stop = _stop_at_signals()
    console = Console(highlight=False, soft_wrap=True)
    link = "" if adapter.start(LONGEST_S) else "; the broker cannot be reached yet"
    console.print(f"telling [bold]{escape(adapter.topic)}[/] every {bridge.step_s:g} s{link}")
    adapter.run(stop)
    console.print("stopped; devices were told the dead stop")
    return EXIT_OK


def modbus_command(options: argparse.Namespace, _words: Sequence[str]) -> int:
    """Carry out `autonomy field modbus`; see `add_command` for the options."""
    from autonomy.field.modbus import ModbusAdapter, read_devices  # noqa: PLC0415 - only when needed

    devices, tariff = read_devices(options.devices)
    bridge = _bridge(options)
    adapter = ModbusAdapter(bridge, devices, tariff=tariff)
    console = Console(highlight=False, soft_wrap=True)

    async def play() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stop.set))
        console.print(
            f"telling {len(devices)} devices of [bold]{escape(bridge.community)}[/] every {bridge.step_s:g} s"
        )
        await adapter.run(stop)

    asyncio.run(play())
    console.print("stopped; devices were told the dead stop")
    return EXIT_OK


def _bridge(options: argparse.Namespace) -> Bridge:
    """Return a bridge to the service of the options.

    Raises:
        ConfigError: the file of keys is wrong.
        ServiceError: the service cannot be reached.
    """
    key = None
    if options.key is not None:
        keys = _read(options.key).get("keys")
        if not isinstance(keys, dict) or len(keys) != 1:
            raise ConfigError(options.key, "keys", 'expected one line such as demo = "…" under [keys]')
        key = str(next(iter(keys.values())))
    client = ServiceClient(options.service, key=key)
    about = client.community()
    max_age_s = 3600.0 * about["timestep_h"] if options.max_age is None else options.max_age
    return Bridge(client, about, Mailbox(about["prosumers"], max_age_s=max_age_s))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(path, "", f"cannot be read as TOML ({fault})") from None


def _stop_at_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop
