"""What a chapter is given: the community, its data, the policies, the domains, and the folder for its evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

from autonomy.configuration import Configuration
from autonomy.safety.canonical import canonical, digest
from autonomy.safety.claim import Claim
from autonomy.safety.domain import RECORDED, Operating
from autonomy.safety.identity import core_sha256, package_sha256
from autonomy.safety.record import Record, checked_prices, play, prices_of, record_of
from autonomy.safety.verifier import Folder
from autonomy.scenario import Scenario

BASELINE, ADVERSARY = "grid-only", "adversarial"
CHECKER = "python -I -S verify.py ."
"""The command that checks a claim in the report's folder, when no other is named."""


class About(TypedDict):
    """What a claim is about; part of its fields."""

    domain: str
    domain_sha256: str
    code_sha256: str


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Context:
    """What a chapter is given.

    Attributes:
        configuration: Community and prices.
        scenario: All of its data.
        windows: What is played.
        policy: The policy that the report is about.
        operating: The operating domain.
        domains: Every domain by name, as the report has it.
        folder: The report's folder while it is made; evidence goes below `evidence`.
        work: A folder for what is no part of the report, but spares work when it is made again.
        is_full: Whether the long versions are wanted.
        progress: Told in a few words what is being done.
        checker: The folder as the checker sees it, which remembers what it has found.
        made: The claims that are made already, as the report has them; for chapters about other chapters.
    """

    configuration: Configuration
    scenario: Scenario
    windows: tuple[Scenario, ...]
    policy: str
    operating: Operating
    domains: Mapping[str, Mapping[str, Any]]
    folder: Path
    work: Path
    is_full: bool
    progress: Callable[[str], None]
    checker: Folder
    made: list[dict[str, Any]] = field(default_factory=list)

    def about(self, domain: str = RECORDED, *, is_core: bool = False) -> About:
        """Return what a claim is about: a domain, and the trusted core or the whole package."""
        code = core_sha256() if is_core else package_sha256()
        return About(domain=domain, domain_sha256=digest(self.domains[domain]), code_sha256=code)

    @property
    def is_static(self) -> bool:
        """Whether batteries and limits are the same in every step: no EVs, outages or derating."""
        timeline = self.configuration.assets.timeline(self.configuration.community, self.scenario.series)
        return timeline is None or timeline.is_empty

    @property
    def knows_prices(self) -> bool:
        """Whether the checker knows every price that plays a part: no fees, cycle or peak prices, no assets."""
        return self.is_static and checked_prices(self.configuration.economics) is not None

    def record(self, policy: str) -> Record:
        """Return what a policy did over the windows; played once, and then kept in the folder."""
        kept = self.work / f"record-{digest(policy)[:12]}.json"
        if kept.is_file():
            return record_of(json.loads(kept.read_bytes()))
        self.progress(f"playing {policy}")
        record = play(self.configuration, self.windows, policy=policy, folder=self.folder)
        kept.write_bytes(canonical(record.document()))
        return record

    def record_check(self, record: Record) -> dict[str, Any]:
        """Return what the checker does about a record."""
        return {
            "kind": "record",
            "journal": record.journal,
            "market": record.market,
            "prices": prices_of(self.configuration.economics),
            "ranges": self.operating.ranges,
        }

    def write(self, name: str, value: Any) -> str:
        """Write evidence as canonical JSON, and return its name from the folder."""
        path = self.folder / "evidence" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(canonical(value))
        return f"evidence/{name}"


Provider: TypeAlias = Callable[[Context], Iterator[Claim]]
"""One chapter: yields its claims, one after the other, and writes their evidence."""
