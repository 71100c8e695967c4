"""Machine-checked proofs of the trusted core: one SMT-LIB file a lemma, each decided by two independent solvers."""

from autonomy.proofs.lemma import Control, Lemma, lemmas
from autonomy.proofs.prove import Proof, prove_all, prove_lemma

__all__ = ["Control", "Lemma", "Proof", "lemmas", "prove_all", "prove_lemma"]
