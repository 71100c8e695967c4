"""From community files to stations: what `autonomy serve` serves."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from autonomy.configuration import Configuration, demo_configuration, read_configuration
from autonomy.controller import Controller
from autonomy.errors import ConfigError
from autonomy.policies import with_economics
from autonomy.service.keys import KEYS_NAME, Keyring, make_keys, read_keys
from autonomy.service.settings import POLICY_SHARE, Settings
from autonomy.service.station import Station
from autonomy.supervisor import Supervisor

DEMO = "demo"


def configurations(files: Sequence[Path]) -> dict[str, Configuration]:
    """Return communities by the name that they have in the service, that of their file; without files, the demo.

    Raises:
        ConfigError: a file is wrong, or two have the same name.
    """
    if not files:
        return {DEMO: demo_configuration()}
    found: dict[str, Configuration] = {}
    for file in files:
        name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "community"
        if name in found:
            raise ConfigError("--community", "", f"two files are called {name!r}; rename one of them")
        found[name] = read_configuration(file)
    return found


def stations(
    communities: dict[str, Configuration], *, policy: str, settings: Settings, folder: Path
) -> dict[str, Station]:
    """Return a station a community, each with its own policy object and its journal NAME.jsonl in a folder.

    Raises:
        ConfigError: the policy is unknown.
        JournalError: a journal is broken, of another community, or written by somebody else.
        OSError: a journal cannot be read or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(policy_deadline_s=POLICY_SHARE * settings.deadline_s)
    found = {}
    for name, configuration in communities.items():
        controller = Controller(configuration.community, policy=policy, supervisor=supervisor)
        controller.policy = with_economics(controller.policy, configuration.economics)
        found[name] = Station(
            name,
            controller,
            path=folder / f"{name}.jsonl",
            fsync=settings.fsync,
            deadline_s=settings.deadline_s,
            clock=time.monotonic,
        )
    return found


def keyring(
    names: Sequence[str], *, settings: Settings, folder: Path, file: Path | None
) -> tuple[Keyring, Path | None]:
    """Return the keys, and the file they are in; None where one community is served to this machine alone.

    Without a file, keys are made once, in `keys.toml` of the journals' folder.

    Raises:
        ConfigError: the file of keys is wrong.
        OSError: it cannot be read or written.
    """
    if file is not None:
        return read_keys(file, names), file
    if settings.is_local and len(names) == 1:
        return Keyring({}), None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / KEYS_NAME
    return (read_keys(path, names) if path.exists() else make_keys(path, names)), path
