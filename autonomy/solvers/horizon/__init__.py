"""The projection problem with a future: its statement, its solvers, and the proofs of their answers.

`program` states it and proves what the rest relies on; `sparse` hands it to any general solver; `structured` is a
solver of its own (`interior` and `normal` are its machine code); `plan` carries plans out; `certificate` measures.
"""
