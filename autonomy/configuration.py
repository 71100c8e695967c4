"""A community file as a whole: the community, its prices, and what to call it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from autonomy.assets.description import read_assets
from autonomy.assets.fleet import Assets
from autonomy.economics import Economics, read_economics
from autonomy.layers.community import Community
from autonomy.layers.description import read_document
from autonomy.layers.errors import ConfigError

NO_ASSETS = Assets()


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Configuration:
    """What a community file says.

    Attributes:
        name: The community's name; the file's name when it has none.
        currency: Label of all amounts of money.
        community: Prosumers and network.
        economics: Prices that are not tariffs.
        assets: EVs, wind, outages and derating; `community` has their batteries already.
    """

    name: str
    currency: str
    community: Community
    economics: Economics
    assets: Assets = NO_ASSETS


def read_configuration(path: str | Path) -> Configuration:
    """Return the configuration in the TOML file at `path`.

    `examples/community.toml` explains the keys, `docs/assets.md` and `examples/assets.toml` those of assets.

    Raises:
        ConfigError: the file is missing or is no TOML; a key is unknown, missing, of the wrong type or out of range.
    """
    source = Path(path)
    document = read_document(source)
    community = Community.from_document(source, document)
    assets = read_assets(source, document, community)
    general = document.get("community", {})
    return Configuration(
        name=_text(source, general, "name", source.stem),
        currency=_text(source, general, "currency", "currency"),
        community=assets.equip(community),
        economics=read_economics(source, document),
        assets=assets,
    )


def demo_configuration() -> Configuration:
    """Return the configuration of the community that ships with the package."""
    with as_file(files("autonomy") / "data" / "fontana.toml") as path:
        return read_configuration(path)


def _text(source: Path, table: dict[str, Any], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(source, f"community.{key}", f"found {value!r}; expected a text")
    return value
