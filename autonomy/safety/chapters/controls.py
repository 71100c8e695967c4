"""Controls that must fail: corrupted evidence, a solver that lies, a core that looks away, a claim that is not so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autonomy.safety import verifier
from autonomy.safety.chapters.runtime import measured, picked
from autonomy.safety.claim import Claim, Figure, Role
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.planted import MUTANTS, Mutant, lied_to, mutated
from autonomy.safety.record import Record, play
from autonomy.safety.verdict import Verdict

TOOL = "verify.py, on files that it changes in memory"
STEPS = 24
"""Steps that a planted core plays."""
FLIPS = 10
SEED = 20240608
WHOLE = "rejected by the checker, each time that it runs"


def claims(context: Context) -> Iterator[Claim]:
    """Yield the controls; those on certificates need a worst case that took a tree to prove."""
    yield _liar(context)
    for mutant in MUTANTS:
        yield _mutant(context, mutant)
    yield _bits(context)
    worst = _tree_claim(context)
    if worst is not None:
        yield _sign(context, worst)
        yield _leaf(context, worst)
        yield _wrong_claim(context, worst)


def _window_play(context: Context, name: str, *, is_charging: bool) -> Record:
    window = context.windows[0].window(0, min(STEPS, context.windows[0].n_steps))
    community = context.configuration.community
    return play(
        context.configuration,
        (window,),
        policy=context.policy,
        folder=context.folder,
        controller=lied_to(community, policy=context.policy, is_charging=is_charging),
        name=name,
        initial_soc=community.soc_min if is_charging else community.soc_max,
    )


def _liar(context: Context) -> Claim:
    context.progress("a solver that lies")
    record = _window_play(context, "control-solver", is_charging=True)
    found = measured(context, record)
    held = found["violations"] == 0
    return Claim(
        id="control.solver",
        title="A solver that lies, under the real core",
        statement="A projection that says 'solved' and asks all batteries to charge at once: {violations} rules are "
        "broken in {decisions} decisions.",
        sentence="A solver that lies about its answer changes nothing: {violations} limits broken in {decisions} "
        "decisions.",
        verdict=Verdict.PROVED_EXACT if held else Verdict.REFUTED,
        method="planted projection; every decision judged again in fractions",
        tool=TOOL,
        checker=CHECKER,
        values=picked(found, "decisions", "violations"),
        bound=Figure(of="violations", label="limits broken"),
        witness=None if held else {"broken": dict(found["broken"])},
        certificate=record.journal,
        check=(context.record_check(record),),
        **context.about(is_core=True),
    )


def _mutant(context: Context, mutant: Mutant) -> Claim:
    with mutated(mutant):
        record = _window_play(context, f"control-{mutant.name}", is_charging=mutant.is_charging)
    found = measured(context, record)
    broken = found["violations"] > 0
    return Claim(
        id="control.core" if mutant is MUTANTS[0] else f"control.{mutant.name}",
        title=f"A core that is broken: {mutant.text}",
        statement=f"The same lying solver, and {mutant.text}: no rule is broken in {{decisions}} decisions.",
        sentence=f"Planted: {mutant.text}, and the solver lies. The checker finds {{violations}} broken limits.",
        verdict=Verdict.REFUTED if broken else Verdict.TESTED,
        method="one function of the core replaced while a record is played; every decision judged again in fractions",
        tool=TOOL,
        checker=CHECKER,
        values=picked(found, "decisions", "violations"),
        bound=Figure(of="violations", label="limits broken"),
        witness={"broken": dict(found["broken"]), "journal": record.journal} if broken else None,
        certificate=record.journal,
        role=Role.CONTROL,
        check=(context.record_check(record),),
        **context.about(is_core=True),
    )


def _bits(context: Context) -> Claim:
    generator = np.random.default_rng(SEED)
    files = sorted(path for path in (context.folder / "evidence").rglob("*") if path.is_file() and path.stat().st_size)
    checks: list[dict[str, Any]] = []
    for number in range(FLIPS):
        path = files[int(generator.integers(len(files)))]
        change = {
            "file": path.relative_to(context.folder).as_posix(),
            "bit": int(generator.integers(8 * path.stat().st_size)),
        }
        checks.append({"kind": "control", "as": f"flip {number + 1} ", "changes": [change]})
    return _control(
        context,
        id_="control.bit",
        title="One bit of the evidence is flipped",
        statement=f"The folder with one bit flipped, at {FLIPS} places drawn at random, passes the checker.",
        sentence=f"Planted: {FLIPS} single-bit changes of the evidence. Every one is noticed.",
        checks=checks,
        witness={"changes": [check["changes"][0] for check in checks]},
    )


def _sign(context: Context, worst: Mapping[str, Any]) -> Claim:
    tree = json.loads((context.folder / worst["certificate"]).read_bytes())["tree"]
    leaf, (_, amount) = next(
        (place, node["multipliers"][0]) for place, node in enumerate(tree) if node.get("multipliers")
    )
    turned = amount.removeprefix("-") if amount.startswith("-") else f"-{amount}"
    change = {"file": worst["certificate"], "path": ["tree", leaf, "multipliers", 0, 1], "to": turned}
    return _control(
        context,
        id_="control.sign",
        title="One sign of a certificate is turned",
        statement=f"The certificate of {worst['id']} with the sign of one multiplier turned proves the same bound.",
        sentence="Planted: one sign in the proof of a worst case. The checker refuses it, even with hashes made anew.",
        checks=[{"kind": "control", "changes": [change], "claim": dict(worst)}],
        witness=change,
    )


def _wrong_claim(context: Context, worst: Mapping[str, Any]) -> Claim:
    values = {**worst["values"], "bound_kw": worst["values"]["bound_kw"] * 0.999 - 0.001}
    wrong = {**worst, "values": values, "bound": {**worst["bound"], "value": values["bound_kw"]}}
    return _control(
        context,
        id_="control.claim",
        title="A claim says more than its certificate",
        statement="A claim whose bound is a thousandth lower than its certificate proves passes the checker.",
        sentence="Planted: a claim that promises 0.1 % more than its proof. The checker refuses it.",
        checks=[{"kind": "control", "changes": [], "claim": wrong}],
        witness={"claimed_kw": values["bound_kw"], "proved_kw": worst["values"]["bound_kw"]},
    )


def _leaf(context: Context, worst: Mapping[str, Any]) -> Claim:
    tree = json.loads((context.folder / worst["certificate"]).read_bytes())["tree"]
    leaf = max(place for place, node in enumerate(tree) if "multipliers" in node)
    change = {"file": worst["certificate"], "path": ["tree", leaf, "multipliers"], "to": []}
    return _control(
        context,
        id_="control.leaf",
        title="One leaf of a branch-and-bound tree is emptied",
        statement=f"The certificate of {worst['id']} without the multipliers of one leaf proves the same bound.",
        sentence="Planted: one leaf of a proof by branch and bound says nothing. The checker refuses the tree.",
        checks=[{"kind": "control", "changes": [change], "claim": dict(worst)}],
        witness=change,
    )


def _control(
    context: Context,
    *,
    id_: str,
    title: str,
    statement: str,
    sentence: str,
    checks: list[dict[str, Any]],
    witness: Mapping[str, Any],
) -> Claim:
    """Return a control that the checker carries out itself, every time; what is said here it has to find again."""
    refused = [
        verifier.control(verifier.Folder(context.folder), check)["refused"] for check in checks if "claim" in check
    ]
    return Claim(
        id=id_,
        title=title,
        statement=statement,
        sentence=sentence,
        verdict=Verdict.REFUTED if all(refused) else Verdict.TESTED,
        method=WHOLE,
        tool=TOOL,
        checker=CHECKER,
        values={f"{check.get('as', '')}refused": True for check in checks},
        witness=witness,
        role=Role.CONTROL,
        check=tuple(checks),
        **context.about(),
    )


def _tree_claim(context: Context) -> dict[str, Any] | None:
    for claim in context.made:
        if claim["id"].startswith("worst-case.") and claim["certificate"]:
            said = json.loads((context.folder / claim["certificate"]).read_bytes())
            if any(node.get("multipliers") for node in said.get("tree", ())):
                return claim
    return None
