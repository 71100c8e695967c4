"""A connection to Ray, the only place where it is imported."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
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
MODE, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
"""Where Ray is told to ask for a secret, and which."""


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
    with _own_secret() if address == LOCAL else nullcontext():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **_settings(address, workers))
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as fault:
            problem = f"no Ray at {address!r}: {fault}; one that wants a token is given it where {MODE}=token is set"
            raise ConfigError(OPTION, "", problem) from None
        try:
            yield ray
        finally:
            ray.shutdown()


def _settings(address: str, workers: int) -> dict[str, Any]:
    if address != LOCAL:
        return {}
    return {"num_cpus": workers, "include_dashboard": False, "object_store_memory": STORE_BYTES}


@contextmanager
def _own_secret() -> Iterator[None]:
    """Give a local Ray a secret for its life.

    By itself Ray writes one into the user's home, and every Ray that is started later on this machine asks for it.
    """
    before = {name: os.environ.get(name) for name in (MODE, TOKEN)}
    if not any(before.values()):
        os.environ[TOKEN] = _secret()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@cache
def _secret() -> str:
    """Return the secret of this process; Ray reads it once."""
    return secrets.token_hex(32)


def _require_listener(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ConfigError(OPTION, "", f"found {address!r}; expected {LOCAL}, {AUTO} or HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as fault:
        raise ConfigError(OPTION, "", f"nobody listens at {address!r}: {fault}") from None
