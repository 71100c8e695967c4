"""Connection keys: each opens one community."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from autonomy.errors import ConfigError

KEYS_NAME = "keys.toml"
SHORTEST = 20
"""Characters that a key needs at least."""


class Keyring:
    """Which community a key opens; without keys there is one community, and everybody may use it.

    Args:
        keys: Name of the community -> its key.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._digests = {name: _digest(key) for name, key in keys.items()}

    def __bool__(self) -> bool:
        return bool(self._digests)

    def name_of(self, key: str) -> str | None:
        """Return the community that a key opens, or None.

        Digests are compared, all of them and each in constant time, so that the time taken tells nothing.
        """
        given, found = _digest(key), None
        for name, digest in self._digests.items():
            if hmac.compare_digest(given, digest):
                found = name
        return found


def read_keys(path: Path, names: Iterable[str]) -> Keyring:
    """Return the keys of a file, `[keys]` with one line `name = "key"` a community.

    Raises:
        ConfigError: the file is missing or no TOML, a community has no key, or a key is too short or used twice.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(path, "", f"no file of keys can be read here ({fault})") from None
    table = document.get("keys")
    if not isinstance(table, dict):
        raise ConfigError(path, "keys", 'is missing; expected [keys] with lines such as demo = "…"')
    names = tuple(names)
    for name in names:
        key = table.get(name)
        if not isinstance(key, str) or len(key) < SHORTEST or not key.isascii():
            # The key itself is a secret and is not repeated.
            raise ConfigError(path, f"keys.{name}", f"expected a text of at least {SHORTEST} ASCII characters")
    if len({table[name] for name in names}) < len(names):
        raise ConfigError(path, "keys", "two communities have the same key; each needs its own")
    return Keyring({name: table[name] for name in names})


def make_keys(path: Path, names: Iterable[str]) -> Keyring:
    """Write a file of new keys that only its owner can read, and return them.

    Raises:
        OSError: it is there already, or cannot be written.
    """
    keys = {name: secrets.token_urlsafe(32) for name in names}
    text = "".join(f'{name} = "{key}"\n' for name, key in keys.items())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"# Each key opens one community of `autonomy serve`.\n[keys]\n{text}")
    return Keyring(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
