"""Proofs as a table for a terminal, and the counterexamples of what was broken on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autonomy.proofs.prove import Proof
from autonomy.proofs.solver import Answer, Verdict
from autonomy.report.quantity import duration


def print_proofs(proofs: Sequence[Proof], console: Console, *, with_counterexamples: bool = False) -> None:
    """Print the table, what is not proved, and one line that sums up."""
    console.print(table(proofs))
    if with_counterexamples:
        for proof in proofs:
            for line in counterexamples(proof):
                console.print(line, soft_wrap=True, highlight=False)
    for proof in proofs:
        if not proof.is_proved:
            for line in failures(proof):
                console.print(f"[bold red]not proved[/] {escape(line)}", soft_wrap=True, highlight=False)
    console.print(summary(proofs), soft_wrap=True, highlight=False)


def table(proofs: Sequence[Proof]) -> Table:
    """Return one row a lemma: how long each solver took to prove it, controls refuted, how its file's hash begins."""
    shown = Table(title="Lemmas of the trusted core", title_justify="left", box=None, pad_edge=False)
    shown.add_column("lemma", no_wrap=True)
    for version in proofs[0].versions if proofs else ():
        shown.add_column(version, justify="right", no_wrap=True)
    shown.add_column("refuted", justify="right", no_wrap=True)
    shown.add_column("SHA-256", no_wrap=True)
    shown.add_column("proved", no_wrap=True)
    for proof in proofs:
        refuted = sum(refutation.is_refuted for refutation in proof.refutations)
        shown.add_row(
            title(proof),
            *(_cell(answer) for answer in proof.answers),
            f"{refuted} of {len(proof.refutations)}",
            proof.lemma.sha256[:8],
            "yes" if proof.is_proved else "[bold red]no[/]",
        )
    return shown


def title(proof: Proof) -> str:
    """Return number and name."""
    return f"{proof.lemma.number:02d} {proof.lemma.name}"


def summary(proofs: Sequence[Proof]) -> str:
    """Return how many lemmas are proved, by whom, and how many controls were refuted."""
    proved = sum(proof.is_proved for proof in proofs)
    refutations = [refutation for proof in proofs for refutation in proof.refutations]
    refuted = sum(refutation.is_refuted for refutation in refutations)
    by = " and by ".join(proofs[0].versions) if proofs else "nobody"
    seconds = sum(answer.seconds for proof in proofs for answer in _answers(proof))
    return (
        f"{proved} of {len(proofs)} lemmas proved by {by}; {refuted} of {len(refutations)} negative controls refuted, "
        f"every counterexample computed again in fractions; {duration(seconds)} of solving"
    )


def counterexamples(proof: Proof) -> tuple[str, ...]:
    """Return for each control what was broken and the counterexample of each solver."""
    lines = []
    for refutation in proof.refutations:
        lines.append(f"{title(proof)}, broken: {escape(refutation.control.text)}")
        for answer, confirmed in zip(refutation.answers, refutation.confirmed, strict=True):
            found = values(answer.model) if confirmed else f"no counterexample ({answer.verdict})"
            lines.append(f"  {answer.solver}: {escape(found)}")
    return tuple(lines)


def values(model: Mapping[str, Fraction]) -> str:
    """Return symbols with their values, as fractions."""
    return ", ".join(f"{name} = {value}" for name, value in model.items())


def failures(proof: Proof) -> tuple[str, ...]:
    """Return what is missing to a proof, one sentence each."""
    wanted = ((Verdict.UNSAT, "the negated claim", proof.answers), (Verdict.SAT, "the premises alone", proof.premises))
    found = [
        f"{title(proof)}: {answer.solver} says {_said(answer)} of {what}; expected {verdict}"
        for verdict, what, answers in wanted
        for answer in answers
        if answer.verdict is not verdict
    ]
    found += [
        f"{title(proof)}: {answer.solver} says {_said(answer)} of the control {refutation.control.text!r}, "
        "with no counterexample that holds"
        for refutation in proof.refutations
        for answer, confirmed in zip(refutation.answers, refutation.confirmed, strict=True)
        if not confirmed
    ]
    return tuple(found)


def _said(answer: Answer) -> str:
    return f"{answer.verdict} ({answer.text})" if answer.verdict is Verdict.UNKNOWN else str(answer.verdict)


def _cell(answer: Answer) -> str:
    return duration(answer.seconds) if answer.verdict is Verdict.UNSAT else f"[bold red]{answer.verdict}[/]"


def _answers(proof: Proof) -> tuple[Answer, ...]:
    refuted = (answer for refutation in proof.refutations for answer in refutation.answers)
    return (*proof.answers, *proof.premises, *refuted)
