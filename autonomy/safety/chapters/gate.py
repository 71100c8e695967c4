"""The trusted core by theorem provers: every lemma of docs/proofs.md, grouped into what an operator cares about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autonomy.errors import OptionalDependencyError
from autonomy.proofs import Proof, lemmas, prove_all
from autonomy.proofs.prove import Refutation
from autonomy.proofs.solver import Verdict as Said
from autonomy.safety.claim import Claim, Role
from autonomy.safety.context import Context
from autonomy.safety.domain import ANY
from autonomy.safety.exhibit import Table
from autonomy.safety.verdict import Verdict

CHECKER = "autonomy verify --lemmas"
INDUCTION = "lemmas by two SMT solvers; induction over prosumers, lines and steps by hand, in docs/proofs.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarantee:
    """What several lemmas show together.

    Attributes:
        id: Of the claim.
        title: A few words.
        statement: What is claimed.
        sentence: The same for whoever knows power systems.
        lemmas: Numbers of the lemmas.
        assumptions: Ids of the claims it rests on.
    """

    id: str
    title: str
    statement: str
    sentence: str
    lemmas: tuple[int, ...]
    assumptions: tuple[str, ...] = ("assume.arithmetic", "assume.meters", "assume.devices", "assume.ratings")


GUARANTEES: tuple[Guarantee, ...] = (
    Guarantee(
        id="gate.lines",
        title="No line, no feeder and no connection is overloaded",
        statement="A plan that CHECK lets pass keeps −Limp <= Σ n <= Lexp on every line and |n| <= K at every node, "
        "as executed and not only as rounded to milliwatts, for any number of prosumers and any tree.",
        sentence="Whatever the policy and the solver say, no plan is executed that overloads a line, the feeder or a "
        "home's connection, as measured.",
        lemmas=(8, 10, 11, 12, 13, 28),
    ),
    Guarantee(
        id="gate.battery",
        title="No battery leaves its band or its rating",
        statement="A set-point inside its box keeps emin <= e' <= emax and −P⁻ <= b <= P⁺; from outside the band the "
        "energy gets no further away and comes back; a ramp window never empties the box; the floats of the box are "
        "rounded inward.",
        sentence="No battery is ever told to leave its band of charge or its power rating, step after step.",
        lemmas=(1, 2, 3, 4, 5, 8, 9, 31, 32),
    ),
    Guarantee(
        id="gate.robust",
        title="… even with a gauge and efficiencies that are off",
        statement="With the band narrowed by the meter's error and efficiencies taken at the ends of their intervals, "
        "the true energy stays inside the true band; without that it leaves it by at most the error and the relative "
        "error of the efficiency times the width of the band.",
        sentence="If the gauge and the efficiencies are off by no more than was allowed for, the true charge stays in "
        "its band.",
        lemmas=(6, 7),
    ),
    Guarantee(
        id="gate.recovery",
        title="There is always a way back, and it cuts the least",
        statement="The rung grid-only finds a plan that keeps every limit for every demand and generation on every "
        "tree, if everything can be cut, and no plan with resting batteries cuts less.",
        sentence="If the policy, the solver or the state of charge cannot be trusted, a plan is always found that "
        "keeps every limit, with the least load and generation cut.",
        lemmas=(14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24),
    ),
    Guarantee(
        id="gate.dead-stop",
        title="Even without meters",
        statement="With b = 0 and every prosumer within its caps, the sums below every line stay within its limits, "
        "whatever was measured; caps of isolated prosumers likewise.",
        sentence="Without a single usable meter, caps alone keep every line within its limits, if devices obey them.",
        lemmas=(25, 26, 29),
        assumptions=("assume.arithmetic", "assume.devices", "assume.ratings"),
    ),
    Guarantee(
        id="gate.caps",
        title="Within a step, up to the caps",
        statement="With generation anywhere from planned to its cap, and no load below plan, no export limit is "
        "passed; with load anywhere from planned to its cap, and generation not below plan, no import limit is.",
        sentence="Generation and load may rise during a step up to their stated caps without overloading anything.",
        lemmas=(27,),
        assumptions=("assume.arithmetic", "assume.devices", "assume.ratings", "assume.step"),
    ),
    Guarantee(
        id="gate.losses",
        title="Line losses are allowed for",
        statement="With losses r·f² in every line, limits hold at both ends of each, when import limits are tightened "
        "by the worst case of the losses.",
        sentence="The limits hold at both ends of every line, the losses in the lines included.",
        lemmas=(30,),
    ),
)


def claims(context: Context) -> Iterator[Claim]:
    """Yield one claim a guarantee, proved now if the solvers are installed."""
    context.progress("proving the lemmas")
    try:
        proofs = {proof.lemma.number: proof for proof in prove_all()}
    except OptionalDependencyError:
        proofs = {}
    for lemma in lemmas():
        path = context.folder / "evidence" / "lemmas" / f"{lemma.number:02d}-{lemma.name}.smt2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lemma.text, encoding="utf-8")
    certificate = context.write("proofs.json", [_document(proof) for proof in proofs.values()])
    for guarantee in GUARANTEES:
        yield _claim(context, guarantee, [proofs[n] for n in guarantee.lemmas if n in proofs], certificate)
    if proofs:
        yield _control(context, list(proofs.values()), certificate)


def _claim(context: Context, guarantee: Guarantee, proofs: Sequence[Proof], certificate: str) -> Claim:
    counterexample = next((p for p in proofs if any(answer.verdict is Said.SAT for answer in p.answers)), None)
    is_proved = len(proofs) == len(guarantee.lemmas) and all(proof.is_proved for proof in proofs)
    verdict = Verdict.REFUTED if counterexample else Verdict.PROVED_SMT if is_proved else Verdict.ASSUMED
    return Claim(
        id=guarantee.id,
        title=guarantee.title,
        statement=guarantee.statement,
        sentence=guarantee.sentence if proofs else f"{guarantee.sentence} (Not proved again here: no solvers.)",
        verdict=verdict,
        method=INDUCTION,
        tool=" and ".join(proofs[0].versions) if proofs else "none installed: pip install 'autonomy-stack[proofs]'",
        checker=CHECKER,
        values={"lemmas": len(guarantee.lemmas), "proved": sum(proof.is_proved for proof in proofs)},
        witness=None if counterexample is None else {"lemma": counterexample.lemma.name},
        certificate=certificate,
        assumptions=guarantee.assumptions,
        exhibits=(_table(proofs),) if proofs else (),
        **context.about(ANY, is_core=True),
    )


def _control(context: Context, proofs: Sequence[Proof], certificate: str) -> Claim:
    """Return the control: what was broken in the lemmas on purpose has to be refuted."""
    broken = [(proof, refutation) for proof in proofs for refutation in proof.refutations]
    refuted = [(proof, refutation) for proof, refutation in broken if refutation.is_refuted]
    proof, first = refuted[0] if refuted else broken[0]
    return Claim(
        id="control.lemmas",
        title="Lemmas broken on purpose",
        statement="{controls} copies of the lemmas, each broken in one place (a sign, a rounding, a margin), hold as "
        "well.",
        sentence="Planted: {controls} lemmas broken in one place. The provers find a counterexample to {refuted} of "
        "them.",
        verdict=Verdict.REFUTED if len(refuted) == len(broken) else Verdict.TESTED,
        method="both solvers are asked for a counterexample, which is computed again in fractions",
        tool=" and ".join(proof.versions),
        checker=f"{CHECKER} --counterexamples",
        values={"controls": len(broken), "refuted": len(refuted)},
        witness={"lemma": proof.lemma.name, "broken": first.control.text, "counterexample": _model(first)},
        certificate=certificate,
        role=Role.CONTROL,
        **context.about(ANY, is_core=True),
    )


def _table(proofs: Sequence[Proof]) -> Table:
    return Table(
        title="The lemmas it rests on",
        head=("no.", "lemma", "what it says", "proved by both", "broken copies refuted"),
        rows=tuple(
            (
                proof.lemma.number,
                proof.lemma.name,
                proof.lemma.statement,
                "yes" if proof.is_proved else "no",
                f"{sum(r.is_refuted for r in proof.refutations)} of {len(proof.refutations)}",
            )
            for proof in proofs
        ),
        note="The files are in evidence/lemmas; the solvers' words in evidence/proofs.json.",
    )


def _document(proof: Proof) -> dict[str, Any]:
    return {
        "number": proof.lemma.number,
        "name": proof.lemma.name,
        "sha256": proof.lemma.sha256,
        "solvers": list(proof.versions),
        "negated_claim": [str(answer.verdict) for answer in proof.answers],
        "premises": [str(answer.verdict) for answer in proof.premises],
        "seconds": [round(answer.seconds, 3) for answer in proof.answers],
        "controls": [
            {"broken": r.control.text, "refuted": r.is_refuted, "counterexample": _model(r)} for r in proof.refutations
        ],
        "is_proved": proof.is_proved,
    }


def _model(refutation: Refutation) -> dict[str, str]:
    return {name: str(value) for name, value in refutation.answers[0].model.items()}
