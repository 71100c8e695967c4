"""Makes the folder: every chapter's claims and evidence, then pages, checker, manifest, and a check of it all.

What is done stands in working folders beside the one to be. A build that was broken off goes on there, chapter by
chapter, as long as code, data, community, policy and options are the same.
"""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import autonomy
from autonomy.configuration import Configuration
from autonomy.errors import AutonomyError
from autonomy.safety import verifier
from autonomy.safety.canonical import canonical, digest, sha256
from autonomy.safety.claim import claim_of
from autonomy.safety.contents import CHAPTERS, PROVIDERS
from autonomy.safety.context import Context
from autonomy.safety.domain import ANY, ANY_DOMAIN, OPERATING, RECORDED, operating_domain, recorded_domain
from autonomy.safety.hazards import hazard_rows
from autonomy.safety.identity import identity_of
from autonomy.safety.mapping import NON_CLAIMS, mapping_rows
from autonomy.safety.pages import pages_of
from autonomy.safety.summary import summary_of
from autonomy.safety.verdict import MEANINGS, Verdict
from autonomy.scenario import Scenario

SCHEMA = "autonomy-safety/1"
MANIFEST_SCHEMA = "autonomy-safety-manifest/1"
SHIPPED = {
    "verify.py": "verifier.py",
    "certificates.py": "certificates.py",
    "programs.py": "programs.py",
    "crown.py": "crown.py",
    "decisions.py": "decisions.py",
    "report.schema.json": "report.schema.json",
}
"""Files of the folder that are copies of files of the package."""
TOP_LEVEL = {"manifest.json", "report.json", "report.html", "report.md", "evidence", *SHIPPED}
"""What a finished folder consists of, and so what a later one may replace."""


class ReportError(AutonomyError):
    """A report that does not pass its own check."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Order:
    """What report is wanted.

    Attributes:
        configuration: Community and prices.
        scenario: All of its data.
        windows: What is played.
        policy: Name or path.
        is_full: Whether the long versions are wanted.
        command: How it was asked for.
    """

    configuration: Configuration
    scenario: Scenario
    windows: tuple[Scenario, ...]
    policy: str
    is_full: bool
    command: str


Progress = Callable[[int, int, str], None]
"""Called with how many chapters are done, of how many, and what is being done."""


def build(order: Order, out: Path, *, progress: Progress = lambda _done, _of, _text: None) -> dict[str, Any]:
    """Make the report in `out`, and return it as its JSON has it.

    Raises:
        ReportError: it does not pass its own check; the working folder is left as it is.
    """
    folder = out.resolve().with_name(f".{out.resolve().name}.partial")
    context = _context(order, folder)
    _begin(order, context)
    made: list[dict[str, Any]] = context.made
    for done, name in enumerate(PROVIDERS):
        made += _chapter(replace(context, progress=partial(progress, done, len(PROVIDERS))), name)
    progress(len(PROVIDERS), len(PROVIDERS), "writing pages, checking everything again")
    report = _report(order, context)
    _finish(folder, report, context.checker)
    _publish(folder, out)
    shutil.rmtree(context.work)
    return report


def _context(order: Order, folder: Path) -> Context:
    community = order.configuration.community
    operating = operating_domain(community, order.scenario)
    return Context(
        configuration=order.configuration,
        scenario=order.scenario,
        windows=order.windows,
        policy=order.policy,
        operating=operating,
        domains={
            ANY: ANY_DOMAIN,
            OPERATING: operating.document(),
            RECORDED: recorded_domain(community, order.windows),
        },
        folder=folder,
        work=folder.with_name(f"{folder.name}-work"),
        is_full=order.is_full,
        progress=lambda _text: None,
        checker=verifier.Folder(folder),
    )


def _begin(order: Order, context: Context) -> None:
    """Keep what an earlier build of the very same report has done, and nothing else."""
    key = canonical({
        "identity": identity_of(order.configuration.community, order.windows, (order.policy,)),
        "domains": digest(context.domains),
        "economics": repr(order.configuration.economics),
        "is_full": order.is_full,
    })  # fmt: skip
    mark = context.work / "key.json"
    if not (mark.is_file() and mark.read_bytes() == key):
        for place in (context.folder, context.work):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        mark.write_bytes(key)


def _chapter(context: Context, name: str) -> list[dict[str, Any]]:
    """Return the claims of a provider, from the working folder if they are there."""
    kept = context.work / f"claims-{name}.json"
    if kept.is_file():
        found: list[dict[str, Any]] = json.loads(kept.read_bytes())
        return found
    claims, started = [], time.perf_counter()
    for claim in PROVIDERS[name](context):
        now = time.perf_counter()
        claims.append(replace(claim, seconds=round(now - started, 3)).document())
        started = now
    kept.write_bytes(canonical(claims))
    return claims


def _report(order: Order, context: Context) -> dict[str, Any]:
    claims, ids = context.made, [claim["id"] for claim in context.made]
    if len(set(ids)) != len(ids):
        raise ReportError(f"two claims have the same id: {sorted(id_ for id_ in ids if ids.count(id_) > 1)}")
    return {
        "schema": SCHEMA,
        "title": order.configuration.name,
        "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": autonomy.__version__,
        "command": order.command,
        "policy": order.policy,
        "currency": order.configuration.currency,
        "is_full": order.is_full,
        "identity": identity_of(order.configuration.community, order.windows, (order.policy,)),
        "summary": summary_of(context, claims),
        "domains": context.domains,
        "chapters": [{"letter": letter, "title": title} for letter, title in CHAPTERS.items()],
        "verdicts": [{"verdict": verdict, "meaning": MEANINGS[verdict]} for verdict in Verdict],
        "claims": claims,
        "hazards": hazard_rows(ids),
        "mapping": mapping_rows(),
        "non_claims": list(NON_CLAIMS),
        "is_as_expected": all(claim_of(claim).is_as_expected for claim in claims),
    }


def _finish(folder: Path, report: dict[str, Any], checker: verifier.Folder) -> None:
    """Write everything that is not evidence, and check the folder as a stranger would.

    What the checker has found in evidence that has not changed since is not looked for twice.
    """
    for name in (*SHIPPED, "report.json", "report.html", "report.md", "manifest.json"):
        (folder / name).unlink(missing_ok=True)
    (folder / "report.json").write_bytes(canonical(report))
    for name, text in pages_of(json.loads(canonical(report))).items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, ours in SHIPPED.items():
        (folder / name).write_bytes(files("autonomy.safety").joinpath(ours).read_bytes())
    write_manifest(folder)
    said = io.StringIO()
    with redirect_stdout(said):
        code = verifier.main([str(folder)], checker.known)
    if code != 0:
        wrong = "\n".join(line for line in said.getvalue().splitlines() if line.startswith("WRONG"))
        raise ReportError(f"the report does not pass its own check:\n{wrong}")


def write_manifest(folder: Path) -> str:
    """Write manifest.json over all files of a folder, and return the root."""
    listed = dict(sorted(_hashes(folder)))
    root = digest(listed)
    (folder / "manifest.json").write_bytes(canonical({"schema": MANIFEST_SCHEMA, "files": listed, "root": root}))
    return root


def _hashes(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "manifest.json":
            yield name, sha256(path.read_bytes())


def _publish(folder: Path, out: Path) -> None:
    """Put the finished folder in the place of an earlier one."""
    old = folder.with_name(f"{folder.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    folder.rename(out)
    shutil.rmtree(old, ignore_errors=True)
