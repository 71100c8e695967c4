"""The projection problem with a future: its statement, its solvers, and the proofs of their answers.

`program` states it and proves what the rest relies on; `sparse` hands it to any general solver; `structured` is a
solver of its own; `plan` carries plans out; `certificate` measures. The machine code of `structured`: `opening` and
`interior` are the method, `residuals` and `direction` what an iteration computes, `normal` takes the Newton step apart
into `stores`, the `response` to prices and its `cholesky` factor; `layout` says where everything stands.
"""
