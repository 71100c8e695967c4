"""A connection to Ray, the only place where it is imported."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autonomy.errors import ConfigError, OptionalDependencyError

OPTION = "--ray"
LOCAL = "local"
"""The address of a Ray that is started on this machine, for as long as the connection lasts."""
AUTO = "auto"
"""The address of the Ray that was started on this machine."""
ANSWER_S = 5.0
"""Seconds that an address has to take a connection; Ray by itself tries for minutes."""
STORE_BYTES = 100 * 2**20
"""Shared memory of a local Ray, which by itself takes a third of the machine's; a row has a kilobyte."""


@contextmanager
def connected(address: str, workers: int) -> Iterator[Any]:
    """Give the module `ray`, connected; at the end this process's work on the cluster is ended.

    Args:
        address: See `cluster.ray_cluster`.
        workers: Processors of a Ray that is started here.

    Raises:
        OptionalDependencyError: Ray is not installed.
        ConfigError: nobody listens at the address.
    """
    try:
        import ray  # noqa: PLC0415 - optional
    except ImportError:
        raise OptionalDependencyError(OPTION, "ray") from None

    if address not in (LOCAL, AUTO):
        _require_listener(address)
    started: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(started if address == LOCAL else {}),
        )
    except (ConnectionError, ValueError, RuntimeError) as fault:
        raise ConfigError(OPTION, "", f"no Ray at {address!r}: {fault}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_listener(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ConfigError(OPTION, "", f"found {address!r}; expected {LOCAL}, {AUTO} or HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as fault:
        raise ConfigError(OPTION, "", f"nobody listens at {address!r}: {fault}") from None
