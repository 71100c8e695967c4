"""The journals: whole and in order, and every step decides the same again."""

from __future__ import annotations

from collections.abc import Iterator

from autonomy.journal.verify import verify
from autonomy.safety.chapters.runtime import measured, picked
from autonomy.safety.claim import Claim, Figure
from autonomy.safety.context import ADVERSARY, BASELINE, CHECKER, Context
from autonomy.safety.exhibit import Table
from autonomy.safety.verdict import Verdict


def claims(context: Context) -> Iterator[Claim]:
    """Yield that the journal is whole, and that all journals decide the same again."""
    record = context.record(context.policy)
    yield Claim(
        id="journal.whole",
        title="The journal is whole",
        statement="{decisions} decisions in order, each line under the SHA-256 of the one before, closed by a Merkle "
        "root; its last line is {head}.",
        sentence="All {decisions:,} decisions are on record, none was changed, left out or moved.",
        verdict=Verdict.PROVED_EXACT,
        method="chain of SHA-256, Merkle roots [RFC6962]",
        tool="verify.py, Python's hashlib",
        checker=CHECKER,
        values=picked(measured(context, record), "decisions", "head", "policy"),
        certificate=record.journal,
        check=(context.record_check(record),),
        **context.about(),
    )
    context.progress("deciding every step again")
    policies = dict.fromkeys((context.policy, ADVERSARY, BASELINE))
    found = {policy: verify(context.folder / context.record(policy).journal) for policy in policies}
    trials = sum(one.replayed for one in found.values())
    failures = sum(len(one.findings) for one in found.values())
    yield Claim(
        id="journal.again",
        title="Every step decides the same again",
        statement="{failures} of {trials} steps, decided again from the journal alone, differ in any bit.",
        sentence="All {trials:,} recorded decisions were made again from the record alone; every number came out the "
        "same."
        if failures == 0
        else "{failures} of {trials:,} recorded decisions came out differently when they were made again.",
        verdict=Verdict.TESTED if failures == 0 else Verdict.REFUTED,
        method="the controller is given what the journal says that it was given",
        tool="autonomy verify",
        checker="autonomy verify .",
        values={"trials": trials, "failures": failures},
        bound=Figure(of="failures", label="steps that differ"),
        witness=None
        if failures == 0
        else {policy: [str(x) for x in one.findings[:3]] for policy, one in found.items()},
        exhibits=(
            Table(
                title="The journals",
                head=("policy", "lines", "decisions", "roots", "last line"),
                rows=tuple((policy, x.lines, x.decisions, x.roots, x.head) for policy, x in found.items()),
                note="Publish the hash of the last line: it is what shows later that this is the journal of then.",
            ),
        ),
        **context.about(),
    )
