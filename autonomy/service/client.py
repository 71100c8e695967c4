"""A client of the service: the standard library and orjson, one connection, safe to send again."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson

from autonomy.controller import as_mapping
from autonomy.errors import ConfigError
from autonomy.layers.errors import AutonomyError
from autonomy.layers.observation import REQUIRED, Observation

TRIES = 2


class ServiceError(AutonomyError):
    """The service gave no decision.

    Args:
        status: HTTP status, or 0 where the service could not be reached.
        told: What it said.
    """

    def __init__(self, status: int, told: str) -> None:
        self.status, self.told = status, told
        super().__init__(f"the service gave no decision ({status or 'not reached'}): {told}")


class ServiceClient:
    """Asks one service about one community. Not to be shared by threads.

    Args:
        url: Where the service is, as in http://127.0.0.1:8080.
        key: The community's key; None where none is needed.
        timeout_s: Seconds until the service counts as not reached.

    Raises:
        ConfigError: the URL is none.
    """

    def __init__(self, url: str, *, key: str | None = None, timeout_s: float = 5.0) -> None:
        place = urlsplit(url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if place.scheme not in kinds or not place.hostname:
            raise ConfigError("url", "", f"found {url!r}; expected one as in http://127.0.0.1:8080")
        self._connection = kinds[place.scheme](place.hostname, place.port, timeout=timeout_s)
        self._path = place.path.rstrip("/")
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    def step(self, observation: Observation | Mapping[str, Any]) -> dict[str, Any]:
        """Return the decision on an observation; keys as in the service's answer.

        Should the connection break, the same request is sent again, and makes no second step.

        Raises:
            ServiceError: the service refused the observation, or cannot be reached.
        """
        # What is missing is not known, as for `Controller.step`; the service wants that to be said.
        body = orjson.dumps({**dict.fromkeys(REQUIRED), **_plain(as_mapping(observation))})
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}
        return self._ask("POST", "/step", body, headers)

    def community(self) -> dict[str, Any]:
        """Return what the service says of its community: names, limits, the caps of the dead stop.

        Raises:
            ServiceError: the service cannot be reached, or does not know the key.
        """
        return self._ask("GET", "/community", None, {})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        for left in reversed(range(TRIES)):
            try:
                self._connection.request(method, self._path + path, body, {**self._headers, **headers})
                response = self._connection.getresponse()
                status, text = response.status, response.read()
                break
            except (OSError, http.client.HTTPException) as fault:
                self._connection.close()
                if not left or isinstance(fault, TimeoutError):
                    raise ServiceError(0, f"{type(fault).__name__}: {fault}") from None
        try:
            told: dict[str, Any] = orjson.loads(text)
        except orjson.JSONDecodeError:
            told = {"error": text[:200].decode("utf-8", "replace")}
        if status != http.HTTPStatus.OK:
            problems = "; ".join(
                f"{p['field']}: found {p['found']}, expected {p['expected']}" for p in told.get("problems", ())
            )
            raise ServiceError(status, f"{told.get('error')}{f' ({problems})' if problems else ''}")
        return told


def _plain(value: Any) -> Any:
    """Return an observation as orjson can write it: what is None was not given, times are text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain({item.name: getattr(value, item.name) for item in fields(value)})
    if isinstance(value, np.ndarray | np.generic):
        # What is not finite becomes null when it is written; flags stay flags.
        return str(value) if value.dtype.kind == "M" else value.tolist()
    return value.isoformat() if isinstance(value, date) else value
